//! Link-local addresses with their interface by name, as addresses for the kernel.

use plan::ZonedAddress;
use std::net::{SocketAddr, SocketAddrV6};
use sys::kernel::Kernel;

/// The address with the interface's present number. Fails if there is no such interface.
pub(crate) fn resolve(kernel: &impl Kernel, address: &ZonedAddress) -> sys::Result<SocketAddr> {
    let zone = kernel.interface_index(&address.zone)?;
    Ok(SocketAddrV6::new(address.ip, address.port, 0, zone).into())
}
