export { Button, IconButton } from "./button";
export { Icon, type IconName } from "./icon";
export { Logo } from "./logo";
export { Notice } from "./notice";
export { PageState } from "./page-state";
export { TextField } from "./text-field";
