//! The web page of the admin interface in a real browser: display, actions, access, and behaviour
//! across upgrades and restarts. The browser is Debian's Chromium, driven by Playwright
//! (`driver.mjs`); everything else is the real program with real sockets.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod browser;
mod stage;

mod access;
mod acting;
mod capture;
mod charts;
mod crowd;
mod ended;
mod events;
mod fleet;
mod lasting;
mod looking;
mod narrow;
mod shape;
