export { dropFromTrash, invalidateTrash, moveToTrash, restoreFromTrash } from "./api";
export { RememberedPage } from "./components/remembered-page";
export { TrashPage } from "./components/trash-page";
