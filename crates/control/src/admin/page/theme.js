// Runs before the first paint, so that no page flashes in the wrong colours. The themes are "auto" (the
// system's preference), "dark" and "light".
"use strict";
{
  const KEY = "traffic-forwarder theme";
  const THEMES = ["auto", "dark", "light"];
  const root = document.documentElement;
  const kept = () => {
    const theme = localStorage.getItem(KEY);
    return THEMES.includes(theme) ? theme : "auto";
  };
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const theme = kept();
    const isDark = theme === "auto" ? systemIsDark.matches : theme === "dark";
    root.dataset.theme = theme;
    root.dataset.colours = isDark ? "dark" : "light";
  };
  show();
  systemIsDark.addEventListener("change", show);
  globalThis.nextTheme = () => {
    const theme = THEMES[(THEMES.indexOf(kept()) + 1) % THEMES.length];
    localStorage.setItem(KEY, theme);
    show();
  };
}
