//! Which sources of names the C library asks, in a program that is linked statically.

/// Makes a statically linked program look host names up in `/etc/hosts` and by DNS, whatever
/// `nsswitch.conf` says. Call it before the first look-up; in a dynamically linked program it does
/// nothing.
///
/// What else `nsswitch.conf` may name are shared libraries. A static program would load those of the
/// host, which were built for the host's C library and not for the one inside the program.
pub fn only_files_and_dns() {
    #[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
    configure();
}

#[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
fn configure() {
    // SAFETY: the declaration is that of glibc's header, for which alone this is compiled.
    unsafe extern "C" {
        /// glibc's `<nss.h>`.
        fn __nss_configure_lookup(
            database: *const libc::c_char,
            sources: *const libc::c_char,
        ) -> libc::c_int;
    }
    // SAFETY: both are strings that end with a zero byte and live for ever. It fails only for a
    // database that it does not know.
    unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
}
