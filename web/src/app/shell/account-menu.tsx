import * as Menu from "@radix-ui/react-dropdown-menu";
import { useRouter } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";

import { logOut } from "@/features/accounts";
import type { User } from "@/shared/api";
import { chooseTheme, readThemeChoice, type ThemeChoice } from "@/shared/theme/theme";
import { Icon, type IconName } from "@/shared/ui";
import menuStyles from "@/shared/ui/menu.module.css";

import { enter } from "../pages/enter";
import styles from "./account-menu.module.css";

const THEMES: readonly { choice: ThemeChoice; label: string; icon: IconName }[] = [
  { choice: "system", label: "Like the system", icon: "screen" },
  { choice: "dark", label: "Dark", icon: "moon" },
  { choice: "light", label: "Light", icon: "sun" },
];

export function AccountMenu({ user }: { user: User }): ReactElement {
  const router = useRouter();
  const [theme, setTheme] = useState(readThemeChoice);
  const pick = (choice: ThemeChoice) => {
    chooseTheme(choice);
    setTheme(choice);
  };
  const leave = async () => {
    // Without an answer the cookies may remain; the login page then finds the session alive, which is the truth.
    await logOut().catch(() => undefined);
    await enter(router, "/login");
  };

  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className={styles["trigger"]} aria-label={`Account of ${user.name}`}>
        <span className={styles["face"]} aria-hidden="true">
          {user.name.trim().charAt(0).toUpperCase() || "?"}
        </span>
        <span className={styles["name"]}>{user.name}</span>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content className={menuStyles["menu"]} side="top" align="start" sideOffset={8} collisionPadding={12}>
          <div className={styles["who"]}>
            <strong>{user.name}</strong>
            <span>{user.email}</span>
          </div>
          <Menu.Separator className={menuStyles["separator"]} />
          <Menu.Label className={menuStyles["label"]}>Theme</Menu.Label>
          <Menu.RadioGroup value={theme}>
            {THEMES.map(({ choice, label, icon }) => (
              <Menu.RadioItem
                key={choice}
                value={choice}
                className={menuStyles["item"]}
                onSelect={(event) => {
                  event.preventDefault();
                  pick(choice);
                }}
              >
                <Icon name={icon} /> {label}
                <Menu.ItemIndicator className={menuStyles["check"]}>
                  <Icon name="check" size={16} />
                </Menu.ItemIndicator>
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
          <Menu.Separator className={menuStyles["separator"]} />
          <Menu.Item className={menuStyles["item"]} onSelect={() => void leave()}>
            <Icon name="logout" /> Log out
          </Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}
