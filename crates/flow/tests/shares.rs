//! Greedy clients that take every place they get and reconnect at once, beside newcomers: histories decided by
//! a seed.

use flow::{ClientLimits, ClientState, Pool, Share, Time};

/// Steps of one history.
const STEPS: u32 = 20_000;

/// Random numbers by xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

/// A forward whose clients take and return places.
struct Forward {
    limits: ClientLimits,
    pool: Pool,
    clients: Vec<ClientState>,
}

impl Forward {
    fn new(limit: u32, clients: usize) -> Self {
        let share = Share::of_decimal("9");
        Self {
            limits: ClientLimits { share, ..ClientLimits::default() },
            pool: Pool { limit, taken: 0 },
            clients: vec![ClientState::default(); clients],
        }
    }

    /// One attempt of a client. True if it got a place.
    fn connect(&mut self, client: usize) -> bool {
        if self.pool.free() == 0 {
            return false;
        }
        let admitted = self.limits.admit(self.clients[client], self.pool, Time::default());
        let Ok(state) = admitted else { return false };
        self.clients[client] = state;
        self.pool.taken += 1;
        true
    }

    fn disconnect(&mut self, client: usize) {
        self.clients[client].places -= 1;
        self.pool.taken -= 1;
    }

    /// Lets each client connect until it gets no further place.
    fn fill(&mut self, clients: usize) {
        while (0..clients).filter(|client| self.connect(*client)).count() > 0 {}
    }
}

#[test]
fn a_newcomer_is_always_served() {
    for seed in 1..=20 {
        for (greedy, limit) in [(1, 20), (1, 1000), (10, 150), (10, 1000), (100, 1000), (100, 2500)]
        {
            let mut random = Random(seed * 0x9e37_79b9);
            let newcomer = greedy;
            let mut forward = Forward::new(limit, greedy + 1);
            for _ in 0..STEPS {
                let client = random.below(greedy);
                // A session in a hundred attempts ends, and its client reconnects in the next steps.
                if random.below(100) == 0 && forward.clients[client].places > 0 {
                    forward.disconnect(client);
                }
                forward.connect(client);
                if random.below(50) == 0 {
                    let Pool { taken, .. } = forward.pool;
                    assert!(forward.connect(newcomer), "{greedy} greedy, {taken} of {limit} taken");
                    forward.disconnect(newcomer);
                }
            }
        }
    }
}

#[test]
fn greedy_clients_leave_as_much_as_the_rule_says() {
    for (greedy, limit, free) in [(1, 1000, 100), (10, 1000, 10), (100, 1000, 10), (1, 20, 2)] {
        let mut forward = Forward::new(limit, greedy);
        forward.fill(greedy);
        assert_eq!(forward.pool.free(), free, "{greedy} clients of {limit}");
        let places: Vec<u32> = forward.clients.iter().map(|client| client.places).collect();
        let (least, most) = (places.iter().min(), places.iter().max());
        assert!(most <= least.map(|least| least + 1).as_ref(), "{places:?}");
    }
}

#[test]
fn a_client_that_came_late_gets_as_much_as_the_others_when_they_reconnect() {
    let mut forward = Forward::new(1000, 2);
    forward.fill(1);
    assert_eq!(forward.clients[0].places, 900);
    let mut random = Random(7);
    for _ in 0..STEPS {
        // The places of sessions that end go to the first that asks.
        if forward.clients[0].places > 0 && random.below(2) == 0 {
            forward.disconnect(0);
        }
        for client in [0, 1] {
            forward.connect(client);
        }
    }
    let [first, second] = [0, 1].map(|client| forward.clients[client].places);
    assert!(first.abs_diff(second) <= 10, "{first} and {second}");
}

#[test]
fn a_forward_within_a_small_process_leaves_room_for_its_newcomers() {
    // The process has fewer places than the forward, and another forward holds 100.
    let share = Share::of_decimal("9").unwrap();
    let process = Pool { limit: 500, taken: 100 };
    let forward = Pool { limit: 1000, taken: 0 };
    let room = process.room(share, forward.taken);
    assert_eq!(room, 360, "of the 400 free places");
    let mut clients = Forward::new(0, 2);
    clients.pool = forward.within(room);
    clients.fill(1);
    assert_eq!(clients.clients[0].places, 324);
    assert!(clients.connect(1));
}
