//! Look-ups by a scripted name server.

use super::*;
use crate::sets::Record;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::{LIMIT, NameReply, NameServer};

/// A name server, and a source that asks it.
struct Trial {
    server: NameServer,
    etc: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Trial {
    fn new(options: &str) -> Self {
        let (server, etc) = (NameServer::start(), tempfile::tempdir().unwrap());
        server.configure(etc.path(), options);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { server, etc, runtime }
    }

    fn look_up(&self, name: &str) -> Result<Answer, LookUpError> {
        let source = Source::new(self.etc.path());
        self.runtime.block_on(source.look_up(name, &HostAddresses::new()))
    }

    /// The addresses of a name, sorted as text.
    fn addresses(&self, name: &str) -> Result<Vec<String>, LookUpError> {
        let answer = self.look_up(name)?;
        let mut addresses: Vec<_> =
            answer.addresses.iter().map(|address| address.ip().to_string()).collect();
        addresses.sort();
        Ok(addresses)
    }
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn both_families_and_the_ttl_are_found() {
    let trial = Trial::new("");
    let reply = NameReply::Addresses(ips(&["127.0.0.1", "127.0.0.2", "::1"]), 77);
    trial.server.set("db.test", reply);
    let answer = trial.look_up("db.test").unwrap();
    assert_eq!(answer.ttl, Duration::from_secs(77));
    assert_eq!(answer.missing, None);
    assert_eq!(trial.addresses("db.test").unwrap(), ["127.0.0.1", "127.0.0.2", "::1"]);
    assert_eq!(trial.addresses("other.test"), Err(LookUpError::NotFound));
    trial.server.set("empty.test", NameReply::Addresses(Vec::new(), 5));
    assert_eq!(trial.addresses("empty.test"), Err(LookUpError::NoAddress));
}

#[test]
fn every_sound_form_of_an_answer_is_understood() {
    let trial = Trial::new("options timeout:2 attempts:1");
    let found = ips(&["127.0.0.1"]);
    for (name, reply) in [
        ("tcp.test", NameReply::ByTcp(found.clone())),
        ("garbage.test", NameReply::AfterGarbage(found.clone())),
        ("old.test", NameReply::WithoutEdns(found.clone())),
        ("alias.test", NameReply::Alias("target.test".to_owned(), found.clone())),
    ] {
        trial.server.set(name, reply);
        assert_eq!(trial.addresses(name), Ok(vec!["127.0.0.1".to_owned()]), "{name}");
    }
}

#[test]
fn many_addresses_come_by_tcp() {
    let trial = Trial::new("");
    let many: Vec<IpAddr> = (0..200_u8).map(|last| [127, 0, 1, last].into()).collect();
    trial.server.set("many.test", NameReply::ByTcp(many));
    assert_eq!(trial.addresses("many.test").unwrap().len(), 200);
}

#[test]
fn a_failure_is_told_apart_from_silence_and_from_a_missing_name() {
    let trial = Trial::new("options timeout:1 attempts:1");
    trial.server.set("broken.test", NameReply::Code(2));
    let failed = LookUpError::Failed("the name servers failed: SERVFAIL".to_owned());
    assert_eq!(trial.addresses("broken.test"), Err(failed));
    trial.server.set("silent.test", NameReply::Silent);
    assert_eq!(trial.addresses("silent.test"), Err(LookUpError::Timeout));
    let label = "x".repeat(64);
    assert_eq!(trial.addresses(&format!("{label}.test")), Err(LookUpError::NoName));
}

#[test]
fn one_family_is_enough_if_the_other_is_not_answered() {
    let trial = Trial::new("options timeout:30 attempts:1");
    trial.server.set("half.test", NameReply::SilentForV6(ips(&["127.0.0.1"])));
    let answer = trial.look_up("half.test").unwrap();
    assert_eq!((answer.addresses.len(), answer.missing), (1, Some(Family::V6)));
}

#[test]
fn search_domains_complete_names_and_a_failure_ends_the_search() {
    let trial = Trial::new("search a.test b.test\noptions timeout:1 attempts:1");
    trial.server.set("db.b.test", NameReply::Addresses(ips(&["127.0.0.2"]), 60));
    assert_eq!(trial.addresses("db"), Ok(vec!["127.0.0.2".to_owned()]));
    trial.server.set("db.a.test", NameReply::Silent);
    assert_eq!(trial.addresses("db"), Err(LookUpError::Timeout));
    trial.server.set("www.x", NameReply::Addresses(ips(&["127.0.0.3"]), 60));
    assert_eq!(trial.addresses("www.x"), Ok(vec!["127.0.0.3".to_owned()]));
    assert_eq!(trial.server.asked("www.x.a.test"), 0);
}

#[test]
fn the_hosts_file_goes_first_and_asks_nobody() {
    let trial = Trial::new("");
    trial.server.set_all(Some(NameReply::Silent));
    assert_eq!(trial.addresses("In-Hosts.test"), Ok(vec!["127.0.0.1".to_owned()]));
    assert_eq!(trial.server.asked("in-hosts.test"), 0);
    fs::write(trial.etc.path().join("nsswitch.conf"), "hosts: dns\n").unwrap();
    trial.server.set_all(None);
    assert_eq!(trial.addresses("in-hosts.test"), Err(LookUpError::NotFound));
}

#[test]
fn what_dns_does_not_know_is_asked_of_the_c_library() {
    let trial = Trial::new("");
    fs::write(trial.etc.path().join("hosts"), "").unwrap();
    assert_eq!(trial.addresses("localhost"), Err(LookUpError::NotFound));
    fs::write(trial.etc.path().join("nsswitch.conf"), "hosts: files dns myhostname\n").unwrap();
    let found = trial.addresses("localhost").unwrap();
    assert!(found.contains(&"127.0.0.1".to_owned()), "{found:?}");
    assert_eq!(trial.server.asked("localhost"), 2, "DNS first");
    fs::write(trial.etc.path().join("nsswitch.conf"), "hosts: files ldap dns\n").unwrap();
    assert!(trial.addresses("localhost").is_ok());
    assert_eq!(trial.server.asked("localhost"), 2, "not at all");
}

#[test]
fn a_dead_server_costs_a_second_at_most_and_a_refusing_one_nothing() {
    let trial = Trial::new("");
    let silent = NameServer::start();
    silent.set_all(Some(NameReply::Silent));
    trial.server.set("db.test", NameReply::Addresses(ips(&["127.0.0.1"]), 60));
    let write = |first: SocketAddr| {
        let live = trial.server.addr();
        let text = format!(
            "nameserver [127.0.0.1]:{}\nnameserver [127.0.0.1]:{}\n",
            first.port(),
            live.port()
        );
        fs::write(trial.etc.path().join("resolv.conf"), text).unwrap();
    };
    write(silent.addr());
    let source = Source::new(trial.etc.path());
    let start = Instant::now();
    assert!(trial.runtime.block_on(source.look_up("db.test", &HostAddresses::new())).is_ok());
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(silent.asked("db.test"), 1);
    assert!(trial.runtime.block_on(source.look_up("db.test", &HostAddresses::new())).is_ok());
    assert_eq!(silent.asked("db.test"), 1, "from now on the other one goes first");
    let gone = silent.addr();
    drop(silent);
    write(gone);
    assert!(trial.look_up("db.test").is_ok());
}

#[test]
fn silent_names_delay_no_other() {
    let trial = Trial::new("options timeout:1 attempts:5");
    trial.server.set("db.test", NameReply::Addresses(ips(&["127.0.0.1"]), 60));
    trial.server.set_all(None);
    let source = std::sync::Arc::new(Source::new(trial.etc.path()));
    let names: Vec<String> = (0..1000).map(|number| format!("n{number}.test")).collect();
    for name in &names {
        trial.server.set(name, NameReply::Silent);
    }
    trial.runtime.block_on(async {
        for name in names.clone() {
            let source = std::sync::Arc::clone(&source);
            tokio::spawn(async move { source.look_up(&name, &HostAddresses::new()).await });
        }
        tokio::task::yield_now().await;
        assert!(source.look_up("db.test", &HostAddresses::new()).await.is_ok());
        // The server's socket may drop some of so many questions: those are asked again.
        let asked = async {
            while trial.server.asked("n999.test") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, asked).await.expect("a question for the last name");
    });
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(descriptors < 300, "{descriptors}");
}

/// The records of a service as text: address, priority, weight.
fn records(answer: &Answer) -> Vec<String> {
    let records = &answer.service.as_ref().expect("a service").records;
    let text = |it: &Record| format!("{} {} {}", it.address, it.priority, it.weight);
    records.iter().map(text).collect()
}

fn service(priority: u16, weight: u16, port: u16, host: &str) -> (u16, u16, u16, String) {
    (priority, weight, port, host.to_owned())
}

#[test]
fn hosts_of_services_are_asked_unless_the_answer_has_them() {
    let trial = Trial::new("");
    let services = vec![
        service(20, 0, 7003, "asked.test"),
        service(10, 5, 7001, "Given.test"),
        service(10, 7, 7002, "both.test."),
        // Not offered (RFC 2782).
        service(1, 1, 7004, ""),
    ];
    let given = |host: &str, ip: &str| (host.to_owned(), ip.parse().unwrap());
    let hosts = vec![
        given("given.test", "127.0.0.1"),
        given("both.test", "127.0.0.2"),
        given("both.test", "::2"),
        given("other.test", "127.0.0.99"),
    ];
    trial.server.set("_db._tcp.test", NameReply::ServicesWithHosts(services, hosts, 77));
    trial.server.set("asked.test", NameReply::Addresses(ips(&["127.0.0.3"]), 9));
    let answer = trial.look_up("srv:_db._tcp.test").unwrap();
    let expected =
        ["127.0.0.1:7001 10 5", "127.0.0.2:7002 10 7", "[::2]:7002 10 7", "127.0.0.3:7003 20 0"];
    assert_eq!(records(&answer), expected);
    assert_eq!(answer.ttl.as_secs(), 9, "the shortest TTL");
    let asked = ["given.test", "both.test", "asked.test"].map(|host| trial.server.asked(host));
    assert_eq!(asked, [0, 0, 1]);
}

#[test]
fn two_hundred_services_come_by_tcp() {
    let trial = Trial::new("");
    let host = |number: u8| format!("host-{number}.test");
    let services = (0..200).map(|number| service(1, 1, 80, &host(number))).collect();
    let hosts = (0..100).map(|number| (host(number), [127, 0, 2, number].into())).collect();
    trial.server.set("_db._tcp.test", NameReply::ServicesWithHosts(services, hosts, 60));
    for number in 100..200 {
        let reply = NameReply::Addresses(vec![[127, 0, 2, number].into()], 60);
        trial.server.set(&host(number), reply);
    }
    let answer = trial.look_up("srv:_db._tcp.test").unwrap();
    assert_eq!(answer.addresses.len(), 200);
    assert!(answer.service.is_some_and(|service| service.is_complete && service.failure.is_none()));
}

#[test]
fn a_host_that_fails_keeps_its_last_addresses() {
    let trial = Trial::new("options timeout:1 attempts:1");
    let services = vec![service(1, 1, 80, "one.test"), service(1, 1, 81, "two.test")];
    trial.server.set("_db._tcp.test", NameReply::Services(services, 1));
    trial.server.set("one.test", NameReply::Addresses(ips(&["127.0.0.1"]), 0));
    trial.server.set("two.test", NameReply::Addresses(ips(&["127.0.0.2"]), 0));
    let first = trial.look_up("srv:_db._tcp.test").unwrap();
    let hosts = Arc::clone(&first.service.as_ref().unwrap().hosts);
    for bad in [NameReply::Code(2), NameReply::Code(3), NameReply::Silent] {
        trial.server.set("two.test", bad.clone());
        let source = Source::new(trial.etc.path());
        let answer = trial.runtime.block_on(source.look_up("srv:_db._tcp.test", &hosts)).unwrap();
        assert_eq!(records(&answer), ["127.0.0.1:80 1 1", "127.0.0.2:81 1 1"], "{bad:?}");
        let service = answer.service.unwrap();
        assert!(service.is_complete, "{bad:?}");
        let failure = service.failure.unwrap().to_string();
        assert!(failure.starts_with("two.test: "), "{failure}");
        // Without last addresses its records are missing, and it may be none of the others' fault.
        let answer = trial.look_up("srv:_db._tcp.test").unwrap();
        assert_eq!(records(&answer), ["127.0.0.1:80 1 1"]);
        assert!(!answer.service.unwrap().is_complete);
    }
}

#[test]
fn names_without_services_are_told_apart() {
    let trial = Trial::new("options timeout:1 attempts:1\nsearch corp.test");
    assert_eq!(trial.look_up("srv:_db._tcp.none.test"), Err(LookUpError::NotFound));
    trial.server.set("_db._tcp.a.test", NameReply::Addresses(ips(&["127.0.0.1"]), 60));
    assert_eq!(trial.look_up("srv:_db._tcp.a.test"), Err(LookUpError::NoService));
    trial.server.set("_db._tcp.b.test", NameReply::Services(vec![service(1, 1, 80, "")], 60));
    assert_eq!(trial.look_up("srv:_db._tcp.b.test"), Err(LookUpError::NoService));
    let nowhere = NameReply::Services(vec![service(1, 1, 80, "gone.test")], 60);
    trial.server.set("_db._tcp.c.test", nowhere);
    assert_eq!(trial.look_up("srv:_db._tcp.c.test"), Err(LookUpError::NotFound));
    let here = NameReply::Services(vec![service(1, 1, 80, "in-hosts.test")], 60);
    trial.server.set("_db._tcp.d.corp.test", here);
    let completed = trial.look_up("srv:_db._tcp.d").unwrap();
    assert_eq!(records(&completed), ["127.0.0.1:80 1 1"], "by the search list and the hosts file");
    let long = format!("srv:_db._tcp.{}", "x".repeat(64));
    assert_eq!(trial.look_up(&long), Err(LookUpError::NoName));
}
