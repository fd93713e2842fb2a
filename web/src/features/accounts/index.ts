export { logOut, serverInfoQuery, sessionQuery } from "./api";
export { ClaimPage } from "./components/claim-page";
export { LoginPage } from "./components/login-page";
