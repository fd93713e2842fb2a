import { Link } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";

import { Icon, type IconName, Logo } from "@/shared/ui";

import styles from "./navigation.module.css";

interface Destination {
  to: "/" | "/trash" | "/admin";
  icon: IconName;
  label: string;
}

/** The pages there are; a new page is one line here. */
const DESTINATIONS: readonly Destination[] = [
  { to: "/", icon: "photos", label: "Photos" },
  { to: "/trash", icon: "trash", label: "Trash" },
];
const MANAGER_DESTINATIONS: readonly Destination[] = [...DESTINATIONS, { to: "/admin", icon: "gauge", label: "Admin" }];

interface NavigationProps {
  /** Whether the person looks after the server. */
  isManager: boolean;
  children: ReactNode;
}

export function Navigation({ isManager, children }: NavigationProps): ReactElement {
  const destinations = isManager ? MANAGER_DESTINATIONS : DESTINATIONS;
  return (
    <nav className={styles["nav"]} aria-label="Main">
      <Link to="/" className={styles["brand"]} aria-label="Afterglow, to your photos">
        <Logo />
        <span>Afterglow</span>
      </Link>
      <ul>
        {destinations.map(({ to, icon, label }) => (
          <li key={to}>
            <Link to={to} className={styles["link"]} activeProps={{ "data-active": "" }}>
              <Icon name={icon} size={22} />
              <span>{label}</span>
            </Link>
          </li>
        ))}
      </ul>
      <div className={styles["account"]}>{children}</div>
    </nav>
  );
}
