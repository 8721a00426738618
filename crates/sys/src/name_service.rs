//! Name sources of the C library in a statically linked program.

/// Restricts name lookups of a statically linked program to `/etc/hosts` and DNS, whatever
/// `nsswitch.conf` says. Call it before the first lookup. In a dynamically linked program it does
/// nothing.
///
/// Other sources in `nsswitch.conf` are shared libraries. A static program would load those of the
/// host, which are built for the host's C library and not for the one in the program.
pub fn only_files_and_dns() {
    #[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
    configure();
}

#[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
fn configure() {
    // SAFETY: the declaration matches glibc's header, and is compiled for glibc only.
    unsafe extern "C" {
        /// Declared in glibc's `<nss.h>`.
        fn __nss_configure_lookup(
            database: *const libc::c_char,
            sources: *const libc::c_char,
        ) -> libc::c_int;
    }
    // SAFETY: both arguments are static NUL-terminated strings. The call fails only for an unknown
    // database.
    unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
}
