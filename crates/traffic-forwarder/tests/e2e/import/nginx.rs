//! Directives of nginx's `stream`, each with nginx and imported. The modules stand for the topics of nginx's own tests:
//! access and realip, ssl_preread and map, limit_conn, proxy_protocol, and upstream with its kinds of selection.

mod clients;
mod hellos;
mod limits;
mod listen;
mod selection;
mod timeouts;
mod way;

use super::case::{Case, Program};

/// The contents of `stream`.
fn stream(contents: &str) -> Case {
    let head = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
                daemon off;\npid DIR/nginx.pid;\nerror_log stderr;\nevents { }\n";
    Case::new(Program::Nginx, format!("{head}stream {{\n{contents}\n}}\n"))
}

/// A server of the first target, with these directives.
fn server(directives: &str) -> Case {
    stream(&format!("server {{ listen LISTEN; proxy_pass T1; {directives} }}"))
}

/// An upstream with these contents, and a server with these directives.
fn upstream(contents: &str, directives: &str) -> Case {
    stream(&format!(
        "upstream u {{ {contents} }}\nserver {{ listen LISTEN; proxy_pass u; {directives} }}"
    ))
}
