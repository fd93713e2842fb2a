export { UploadButton } from "./components/upload-button";
export { UploadsHost } from "./components/uploads-host";
export { UploadManager } from "./manager";
