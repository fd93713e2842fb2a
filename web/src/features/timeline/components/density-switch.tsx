import type { ReactElement } from "react";

import { classNames } from "@/shared/lib/class-names";
import { Icon } from "@/shared/ui";

import { DENSITIES, type Density } from "../model/grid";
import styles from "./density-switch.module.css";

const LABELS: Readonly<Record<Density, string>> = {
  small: "Small tiles",
  medium: "Medium tiles",
  large: "Large tiles",
};

interface DensitySwitchProps {
  value: Density;
  onChange: (density: Density) => void;
}

export function DensitySwitch({ value, onChange }: DensitySwitchProps): ReactElement {
  return (
    <div className={styles["switch"]} role="group" aria-label="Size of the tiles">
      {DENSITIES.map((density) => (
        <button
          key={density}
          type="button"
          className={classNames(density === value && styles["on"])}
          aria-pressed={density === value}
          aria-label={LABELS[density]}
          title={LABELS[density]}
          onClick={() => {
            onChange(density);
          }}
        >
          <Icon name={density} size={18} />
        </button>
      ))}
    </div>
  );
}
