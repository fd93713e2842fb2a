import type { ComponentProps, ReactElement } from "react";

import { classNames } from "@/shared/lib/class-names";

import styles from "./button.module.css";
import { Icon, type IconName } from "./icon";

interface ButtonProps extends ComponentProps<"button"> {
  tone?: "primary" | "quiet" | "danger";
  icon?: IconName;
  busy?: boolean;
}

export function Button({
  tone = "quiet",
  icon,
  busy = false,
  children,
  className,
  ...rest
}: ButtonProps): ReactElement {
  return (
    <button
      type="button"
      {...rest}
      className={classNames(styles["button"], styles[tone], className)}
      aria-busy={busy}
      disabled={busy || rest.disabled}
    >
      {busy ? <span className={styles["spinner"]} aria-hidden="true" /> : icon && <Icon name={icon} size={18} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ComponentProps<"button">, "children"> {
  icon: IconName;
  /** What the button does; shown as tooltip and read aloud. */
  label: string;
}

export function IconButton({ icon, label, className, ...rest }: IconButtonProps): ReactElement {
  return (
    <button type="button" title={label} {...rest} className={classNames(styles["icon"], className)} aria-label={label}>
      <Icon name={icon} />
    </button>
  );
}
