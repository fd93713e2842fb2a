import * as Menu from "@radix-ui/react-dropdown-menu";
import { type ChangeEvent, type ReactElement, useRef } from "react";

import { Button, Icon } from "@/shared/ui";
import menuStyles from "@/shared/ui/menu.module.css";

import { readPicked } from "../read-drop";
import styles from "./upload-button.module.css";
import { useUploads } from "./uploads-context";

const ACCEPT = "image/*,video/*,.heic,.heif,.avif,.jxl,.dng,.cr2,.cr3,.nef,.arw,.raf,.orf,.rw2";

/** Not in React's types; every current browser has it. */
const FOLDER_PICKER = { webkitdirectory: "" };

/** Lets one choose files or a folder. */
export function UploadButton(): ReactElement {
  const { add } = useUploads();
  const filesRef = useRef<HTMLInputElement>(null);
  const folderRef = useRef<HTMLInputElement>(null);

  const take = ({ currentTarget }: ChangeEvent<HTMLInputElement>) => {
    if (currentTarget.files !== null) add(readPicked(currentTarget.files));
    // The same files can be chosen again only when the field was emptied.
    currentTarget.value = "";
  };
  const open = (input: HTMLInputElement | null) => () => input?.click();

  return (
    <>
      <input ref={filesRef} type="file" multiple accept={ACCEPT} hidden data-testid="upload-files" onChange={take} />
      <input ref={folderRef} type="file" multiple {...FOLDER_PICKER} hidden onChange={take} />
      <Menu.Root modal={false}>
        <Menu.Trigger asChild>
          <Button tone="primary" icon="upload">
            <span className={styles["label"]}>Upload</span>
          </Button>
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Content className={menuStyles["menu"]} align="end" sideOffset={6}>
            <Menu.Item
              className={menuStyles["item"]}
              onSelect={() => {
                open(filesRef.current)();
              }}
            >
              <Icon name="files" /> Photos and videos
            </Menu.Item>
            <Menu.Item
              className={menuStyles["item"]}
              onSelect={() => {
                open(folderRef.current)();
              }}
            >
              <Icon name="folder" /> A whole folder
            </Menu.Item>
          </Menu.Content>
        </Menu.Portal>
      </Menu.Root>
    </>
  );
}
