//! Which server gets a client.

use super::super::case::{Says, each};
use super::super::scene::{Kind, is_even, sorted};
use super::{DEFAULTS, listen, sections};

const THREE: &str = "server a T1;server b T2;server c T3";

#[test]
fn servers_take_turns_by_their_weights() {
    each(
        [
            ("server a T1;server b T2", "111111222222"),
            ("balance roundrobin;server a T1 weight 3;server b T2", "111111111222"),
            ("balance static-rr;server a T1 weight 3;server b T2", "111111111222"),
            ("server a T1 weight 128;server b T2 weight 256", "111122222222"),
            ("default-server weight 3;server a T1;server b T2 weight 1", "111111111222"),
            // A `default-server` is one for the servers behind it.
            ("server a T1;default-server weight 3;server b T2", "111222222222"),
            ("server a T1 weight 0;server b T2", "222222222222"),
            ("server a T1 disabled;server b T2", "222222222222"),
            ("default-server disabled;server a T1 enabled;server b T2", "111111111111"),
            ("server a T1;default-server disabled;server b T2", "111111111111"),
            ("server a T1;server b T2 backup", "111111111111"),
            ("default-server backup;server a T1;server b T2 no-backup", "222222222222"),
            ("server a T1 disabled;server b T2 backup", "222222222222"),
            (
                "option allbackups;server a T1 weight 0;server b T2 backup;server c T3 backup",
                "222222333333",
            ),
            ("balance first;server a T1;server b T2", "111111111111"),
            ("server a T1", "111111111111"),
            ("balance leastconn;server a T1", "111111111111"),
        ],
        |(lines, expected)| listen(lines).alike(expected.to_owned(), |scene| scene.shares(12)),
    );
}

#[test]
fn only_the_first_of_several_backups_would_be_used() {
    let note = "several backups without `option allbackups`";
    let backups = "server a T1;server b T2 backup;server c T3 backup";
    listen(backups).must_be_commented_out(note);
    let text = format!(
        "{DEFAULTS}    option allbackups\nlisten web\n    bind LISTEN\n    no option allbackups\n    {}",
        backups.replace(';', "\n    ")
    );
    sections(&text).must_be_commented_out(note);
}

#[test]
fn the_server_with_the_fewest_sessions_gets_the_next() {
    each(
        [
            ("balance leastconn;server a T1;server b T2", 4, "1122"),
            ("balance leastconn;server a T1 weight 2;server b T2", 9, "111111222"),
            ("balance random;server a T1;server b T2", 4, "1122"),
        ],
        |(lines, clients, expected)| {
            let case = listen(lines);
            case.alike(expected.to_owned(), |scene| sorted(&scene.held(clients)));
        },
    );
    // Of three, two are compared.
    let case = listen(&format!("balance leastconn;{THREE}")).noted("`balance leastconn`");
    case.alike(true, |scene| is_even(&scene.held(60), 3));
    let case = listen(&format!("balance random;{THREE}"));
    case.alike(true, |scene| is_even(&scene.held(60), 3));
    let case = listen("balance random(1);server a T1;server b T2").noted("`balance random(1)`");
    case.alike(true, |scene| is_even(&scene.clients(60), 2));
}

#[test]
fn the_first_server_with_a_free_place_gets_the_next() {
    let case = listen("balance first;server a T1 maxconn 2;server b T2 maxconn 2");
    case.alike("1122".to_owned(), |scene| scene.held(4));
}

#[test]
fn a_client_keeps_its_server() {
    let case = listen("balance source;server a T1;server b T2").noted("`balance source`");
    case.alike((true, true), |scene| scene.sticks());
    for balance in ["url_param x", "hdr(host)", "rdp-cookie"] {
        let case = listen(&format!("balance {balance};server a T1;server b T2"));
        case.must_be_commented_out("it would choose other targets");
    }
}

#[test]
fn the_port_of_a_server_may_follow_the_client_s() {
    listen("server a 127.0.0.1:T1_SHIFT").alike("11".to_owned(), |scene| scene.clients(2));
    let case = listen("server a 127.0.0.1:T1_SHIFT;server b T2");
    case.must_be_commented_out("the ports of some servers follow the client's");
}

#[test]
fn a_name_with_a_family_could_be_another_service() {
    listen("server a ipv4@localhost:T1_PORT").must_be_commented_out("the other family's addresses");
    listen("server a ipv4@127.0.0.1:T1_PORT").alike("1".to_owned(), |scene| scene.clients(1));
}

/// Without a check, HAProxy takes no server out of use, so that its backup never serves.
#[test]
fn a_backup_without_a_check_serves_clients_that_haproxy_loses() {
    let case = listen("retries 0;server a T1;server b T2 backup").target(1, Kind::Down);
    let expected = ["--", "22"].map(str::to_owned);
    case.differs(Says::Import("`backup`"), expected, |scene| scene.clients(2));
}
