import { type ComponentProps, type ReactElement, useId } from "react";

import styles from "./text-field.module.css";

interface TextFieldProps extends ComponentProps<"input"> {
  label: string;
  hint?: string;
}

export function TextField({ label, hint, ...rest }: TextFieldProps): ReactElement {
  const id = useId();
  return (
    <div className={styles["field"]}>
      <label htmlFor={id}>{label}</label>
      <input {...rest} id={id} aria-describedby={hint === undefined ? undefined : `${id}-hint`} />
      {hint !== undefined && (
        <p id={`${id}-hint`} className={styles["hint"]}>
          {hint}
        </p>
      )}
    </div>
  );
}
