//! The table of clients.

use super::*;
use std::collections::HashMap;

fn forward(id: u32) -> ForwardClients {
    ForwardClients::new(NonZeroU32::new(id).expect("an id"))
}

fn client(number: u32) -> Prefix {
    Prefix::around(std::net::Ipv4Addr::from_bits(number).into(), 32, 64)
}

/// Any number of places.
fn enter(clients: &Clients, forward: &ForwardClients, number: u32) -> (ClientPlace, u32) {
    let admit = |state: ClientState| Ok::<_, Option<()>>((state.one_more(), state.places + 1));
    let entered = clients.enter(forward, client(number), Time::from_micros(7_000_000), admit);
    entered.expect("no limit")
}

#[test]
fn places_are_counted_by_forward_and_client() {
    let clients = Clients::new(1);
    let [a, b] = [1, 2].map(forward);
    let (first, places) = enter(&clients, &a, 5);
    assert_eq!(places, 1);
    let (second, places) = enter(&clients, &a, 5);
    assert_eq!((places, second.number()), (2, first.number()));
    let (other, places) = enter(&clients, &b, 5);
    assert_eq!(places, 1, "of another forward");
    assert_ne!(other.number(), first.number());
    let expected = Client {
        address: Some(client(5).mapped_bits()),
        places: 2,
        refused: 0,
        since: Time::from_micros(7_000_000),
    };
    assert_eq!(clients.of(&a), [expected]);
    clients.leave(&a, first);
    clients.leave(&a, second);
    assert_eq!(clients.of(&a), []);
    assert_eq!(clients.of(&b).len(), 1);
    clients.leave(&b, other);
    assert_eq!(clients.places().count(), 0);
}

#[test]
fn a_refusal_is_counted_and_takes_no_place() {
    let clients = Clients::new(1);
    let forward = forward(1);
    let (place, _) = enter(&clients, &forward, 5);
    let refused = |limit| {
        let admit = |_| Err::<(ClientState, ()), _>(limit);
        clients.enter(&forward, client(5), Time::default(), admit).unwrap_err()
    };
    assert_eq!(refused(Some("full")), Some(Refused { limit: "full", places: 1 }));
    assert_eq!(refused(None), None);
    let shown = clients.of(&forward)[0];
    assert_eq!((shown.places, shown.refused), (1, 1), "by its limit");
    clients.leave(&forward, place);
    let shown = clients.of(&forward)[0];
    assert_eq!((shown.places, shown.refused), (0, 1), "known until its entry is needed");
}

#[test]
fn a_full_table_counts_newcomers_together_and_forgets_no_client_with_places() {
    let clients = Clients::new(3);
    let forward = forward(1);
    let mut held: HashMap<u32, Vec<ClientPlace>> = HashMap::new();
    let mut crowd = Vec::new();
    for number in 0..80_000 {
        let (place, places) = enter(&clients, &forward, number);
        if place.number() == OVERFLOW {
            crowd.push(place);
            assert_eq!(places as usize, crowd.len());
        } else {
            assert_eq!(places, 1, "client {number}");
            held.entry(number).or_default().push(place);
        }
    }
    let most = SHARDS * ENTRIES;
    assert!((most * 8 / 10..=most).contains(&held.len()), "{} of {most} entries", held.len());
    for (number, places) in &mut held {
        let (place, count) = enter(&clients, &forward, *number);
        assert_eq!((place.number(), count), (places[0].number(), 2), "client {number}");
        places.push(place);
    }
    let shown = clients.of(&forward);
    assert_eq!(shown.len(), held.len() + 1);
    assert_eq!(shown.last().map(|crowd| crowd.address), Some(None));
    for place in held.into_values().flatten().chain(crowd) {
        clients.leave(&forward, place);
    }
    assert_eq!(clients.of(&forward), []);
}

#[test]
fn an_idle_client_gives_its_entry_to_a_new_one() {
    let clients = Clients::new(3);
    let forward = forward(1);
    for number in 0..200_000 {
        let admit = |state: ClientState| {
            Ok::<_, Option<()>>((ClientState { rate: 9, ..state.one_more() }, ()))
        };
        let (place, ()) = clients.enter(&forward, client(number), Time::default(), admit).unwrap();
        assert!(place.number() != OVERFLOW, "client {number}");
        clients.leave(&forward, place);
    }
    assert!(clients.of(&forward).len() <= SHARDS * ENTRIES);
}

#[test]
fn memory_comes_with_the_clients() {
    let clients = Clients::new(1);
    let allocated = || {
        let has_entries = |shard: &&Mutex<Shard>| !lock(shard).entries().is_empty();
        clients.shards.iter().filter(has_entries).count()
    };
    assert_eq!(allocated(), 0);
    let (place, _) = enter(&clients, &forward(1), 5);
    assert_eq!(allocated(), 1);
    clients.leave(&forward(1), place);
}

#[test]
fn workers_count_one_client_together() {
    let clients = Clients::new(1);
    let forward = forward(1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..20_000 {
                    let (place, _) = enter(&clients, &forward, number % 7);
                    clients.leave(&forward, place);
                }
            });
        }
    });
    assert_eq!(clients.of(&forward), []);
}
