export { logOut, serverInfoQuery, sessionQuery } from "./api";
export { ClaimPage } from "./components/claim-page";
export { isManager } from "./model/roles";
export { LoginPage } from "./components/login-page";
