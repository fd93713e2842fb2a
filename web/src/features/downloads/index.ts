export { downloadOriginal, packPhotos, startDownload } from "./api";
export { DownloadDialog } from "./download-dialog";
export { downloadText } from "./words";
