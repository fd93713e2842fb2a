/** Which colours are shown: the system's choice, or the person's. */
export type ThemeChoice = "system" | "dark" | "light";
export type Theme = "dark" | "light";

const STORAGE_KEY = "afterglow.theme";
const LIGHT_QUERY = "(prefers-color-scheme: light)";

/** Return the theme for a choice; pure. */
export function resolveTheme(choice: ThemeChoice, systemIsLight: boolean): Theme {
  if (choice !== "system") return choice;
  return systemIsLight ? "light" : "dark";
}

function isChoice(value: string | null): value is ThemeChoice {
  return value === "system" || value === "dark" || value === "light";
}

export function readThemeChoice(): ThemeChoice {
  const stored = localStorage.getItem(STORAGE_KEY);
  return isChoice(stored) ? stored : "system";
}

function apply(choice: ThemeChoice): void {
  document.documentElement.dataset["theme"] = resolveTheme(choice, matchMedia(LIGHT_QUERY).matches);
}

export function chooseTheme(choice: ThemeChoice): void {
  localStorage.setItem(STORAGE_KEY, choice);
  apply(choice);
}

/** Show the stored choice, and follow the system while that is the choice. */
export function startTheme(): void {
  apply(readThemeChoice());
  matchMedia(LIGHT_QUERY).addEventListener("change", () => {
    apply(readThemeChoice());
  });
}
