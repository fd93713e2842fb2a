export { photoQuery } from "./api";
export { Lightbox } from "./components/lightbox";
