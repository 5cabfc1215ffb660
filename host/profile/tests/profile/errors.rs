//! Every error, in the words a user reads.

use crate::{big, env, load_file, loader};

fn file_error(text: &str) -> String {
    let (result, path) = load_file(text);
    let error = result.unwrap_err().to_string();
    error.replace(&path.display().to_string(), "host.toml")
}

fn flag_error(set: &str) -> String {
    loader().set([set]).load(&big()).unwrap_err().to_string()
}

fn env_error(name: &str, value: &str) -> String {
    loader().env(env(&[(name, value)])).load(&big()).unwrap_err().to_string()
}

#[test]
fn wrong_key() {
    for (text, error) in [
        (
            "\n[cache]\ncapcity = \"1 MB\"",
            "host.toml:3: cache.capcity: no such key; did you mean \"cache.capacity\"?",
        ),
        (
            "[cache]\nmin_capacity = \"1 MB\"",
            "host.toml:2: cache.min_capacity: no such key; did you mean \"cache.min-capacity\"?",
        ),
        ("[cahce]\npolicy = \"lru\"", "host.toml:1: cahce: no such table; did you mean \"cache\"?"),
        ("capacity = \"1 MB\"", "host.toml:1: capacity: no such key; did you mean \"cache.capacity\"?"),
        (
            "[memory]\nbudget = 3",
            "host.toml:2: memory.budget: no such key; [memory] has cap, keep-free, pressure, huge-pages",
        ),
        (
            "[frost]\nsize = 3",
            "host.toml:1: frost: no such table; a profile has base, summary, optimise, memory, cache, tiers, \
             executor, prefetch, control, limits, policy-limits, plugins, serve, strategies",
        ),
        (
            "[strategies]\nmine = { prio = 3 }",
            "host.toml:2: strategies.mine.prio: no such key; a strategy has enabled, optional, mode, priority, grants, sha256, limits, settings",
        ),
        (
            "[strategies.mine]\nlimits = { memry = \"1 MB\" }",
            "host.toml:2: strategies.mine.limits.memry: no such key; did you mean \"memory\"?",
        ),
        (
            "[strategies.mine]\nlimits = { threads = 1 }",
            "host.toml:2: strategies.mine.limits.threads: no such key; the limits of a strategy are fuel, deadline, memory, \
             table-elements, instances, start-deadline, log-lines, log-bytes, proposals, \
             state-keys, state-bytes",
        ),
        (
            "[strategies.mine]\nlimits = { fuel = 1 }",
            "host.toml:2: strategies.mine.limits.fuel: expected a whole number from 10000 to 1000000000000, got 1",
        ),
        (
            "[strategies.mine]\nmode = \"shadwo\"",
            "host.toml:2: strategies.mine.mode: expected one of active, shadow, got \"shadwo\"; did you mean \"shadow\"?",
        ),
        ("[strategies.mine]\nlimits = 3", "host.toml:2: strategies.mine.limits: expected a table, got 3"),
        (
            "[strategies.mine.settings]\na-b = 1\na_b = 2",
            "host.toml:3: strategies.mine.settings.a-b is given twice: host.toml:2 gives it too, and `_` and `-` are \
             alike. Remove one of the two",
        ),
        (
            "[strategies.mine]\ngrant = []",
            "host.toml:2: strategies.mine.grant: no such key; did you mean \"grants\"?",
        ),
        // The first in the file is reported, not the first in the alphabet.
        (
            "[cache]\npolciy = \"lru\"\ncapcity = \"1 MB\"",
            "host.toml:2: cache.polciy: no such key; did you mean \"cache.policy\"?",
        ),
    ] {
        assert_eq!(file_error(text), error);
    }
}

#[test]
fn wrong_type() {
    for (text, error) in [
        ("cache = 3", "host.toml:1: cache: expected a table, got 3"),
        ("[cache]\nshadows = \"yes\"", "host.toml:2: cache.shadows: expected true or false, got \"yes\""),
        (
            "[executor]\ncpu-workers = \"8\"",
            "host.toml:2: executor.cpu-workers: expected a whole number from 1 to 1024, got \"8\"",
        ),
        (
            "[executor]\ncpu-workers = 2.5",
            "host.toml:2: executor.cpu-workers: expected a whole number from 1 to 1024, got 2.5",
        ),
        ("[plugins]\ndir = [\"a\"]", "host.toml:2: plugins.dir: expected a text in quotes, got a list"),
        ("[plugins]\ndir = 1979-05-27", "host.toml:2: plugins.dir: expected a text in quotes, got a date"),
        ("strategies = \"mine\"", "host.toml:1: strategies: expected a table, got \"mine\""),
        ("[strategies]\nmine = true", "host.toml:2: strategies.mine: expected a table, got true"),
        (
            "[strategies.mine]\nsettings = { list = [1] }",
            "host.toml:2: strategies.mine.settings.list: expected a text, a number, true or false, got a list",
        ),
    ] {
        assert_eq!(file_error(text), error);
    }
}

#[test]
fn wrong_unit() {
    let size = "expected a size with its unit, such as \"260 MB\" or \"1 GiB\", from 1 kB to 1 PB";
    let span = "expected a duration with its unit, such as \"250 ms\" or \"5 s\", from 1ms to 1h";
    for (value, got) in [("260", "260"), ("\"260\"", "\"260\""), ("\"260 MW\"", "\"260 MW\"")] {
        let text = format!("[cache]\ncapacity = {value}");
        assert_eq!(file_error(&text), format!("host.toml:2: cache.capacity: {size}, got {got}"));
    }
    for (value, got) in [("250", "250"), ("\"250\"", "\"250\""), ("\"3 parsecs\"", "\"3 parsecs\"")] {
        let text = format!("[control]\ntick = {value}");
        assert_eq!(file_error(&text), format!("host.toml:2: control.tick: {span}, got {got}"));
    }
}

#[test]
fn wrong_range() {
    for (text, error) in [
        (
            "[executor]\ncpu-workers = 0",
            "host.toml:2: executor.cpu-workers: expected a whole number from 1 to 1024, got 0",
        ),
        (
            "[executor]\nio-workers = 4294967295",
            "host.toml:2: executor.io-workers: expected a whole number from 1 to 4096, got 4294967295",
        ),
        (
            "[prefetch]\ncache-share = 0.6",
            "host.toml:2: prefetch.cache-share: expected a number from 0 to 0.5, got 0.6",
        ),
        (
            "[prefetch]\ncache-share = nan",
            "host.toml:2: prefetch.cache-share: expected a number from 0 to 0.5, got nan",
        ),
        (
            "[limits]\ndeadline = \"2 h\"",
            "host.toml:2: limits.deadline: expected a duration with its unit, such as \"250 ms\" or \"5 s\", \
             from 1ms to 1m, got \"2 h\"",
        ),
        (
            "[limits]\nmemory = \"8 GiB\"",
            "host.toml:2: limits.memory: expected a size with its unit, such as \"260 MB\" or \"1 GiB\", \
             from 1 MB to 4.3 GB, got \"8 GiB\"",
        ),
    ] {
        assert_eq!(file_error(text), error);
    }
}

#[test]
fn wrong_name() {
    for (text, error) in [
        (
            "[cache]\npolicy = \"lruu\"",
            "host.toml:2: cache.policy: expected an eviction policy: lru, fifo, lfu, arc, sieve, s3-fifo, \
             w-tinylfu, lirs, 2q, s4-fifo, clock2q-plus, w-tinylfu-climb, got \"lruu\"; did you mean \"lru\"?",
        ),
        (
            "[cache]\npolicy = \"clock\"",
            "host.toml:2: cache.policy: expected an eviction policy: lru, fifo, lfu, arc, sieve, s3-fifo, \
             w-tinylfu, lirs, 2q, s4-fifo, clock2q-plus, w-tinylfu-climb, got \"clock\"",
        ),
        (
            "optimise = \"latencies\"",
            "host.toml:1: optimise: expected one of throughput, latency, memory, bandwidth, got \"latencies\"; did you mean \
             \"latency\"?",
        ),
        (
            "[control.arbitration]\ncache-policy = \"mean\"",
            "host.toml:2: control.arbitration.cache-policy: expected \"priority\", nothing else is possible for a name, got \"mean\"",
        ),
        (
            "[strategies]\nmine = { grants = [\"metrics\", \"cachecontrol\"] }",
            "host.toml:2: strategies.mine.grants: expected a list of grants: metrics, accesses, dials, run, \
             cache-control, tier-control, executor-control, prefetch-control, shadow-control, settings, state, log, got \"cachecontrol\"; did you mean \
             \"cache-control\"?",
        ),
        (
            "[strategies]\nmine = { grants = \"metrics\" }",
            "host.toml:2: strategies.mine.grants: expected a list of grants: metrics, accesses, dials, run, \
             cache-control, tier-control, executor-control, prefetch-control, shadow-control, settings, state, log, got \"metrics\"",
        ),
    ] {
        assert_eq!(file_error(text), error);
    }
}

#[test]
fn every_built_in_policy_is_known() {
    for name in host_policy::Registry::default().names() {
        let loader = loader().set([format!("cache.policy={name}")]);
        assert_eq!(loader.load(&big()).unwrap().cache.policy, name);
    }
}

#[test]
fn another_policy_is_known_if_the_loader_was_told_of_it() {
    let mut policies = host_policy::Registry::default();
    policies
        .register(host_policy::PolicyFactory::new("mine", |_| Box::new(host_policy::Lru::new())))
        .unwrap();
    let loader = loader().policies(policies).set(["cache.policy=mine"]);
    assert_eq!(loader.load(&big()).unwrap().cache.policy, "mine");
}

#[test]
fn a_policy_may_have_parameters() {
    let loaded = |text: &str| loader().set([format!("cache.policy={text}")]).load(&big());
    assert_eq!(loaded("LIRS( ghosts=4.0, hir=0.1 )").unwrap().cache.policy, "lirs(hir=0.1, ghosts=4)");
    assert_eq!(
        flag_error("cache.policy=lru(k=2)"),
        "flag --set: cache.policy: expected `lru` alone, which has no parameters, got \"lru(k=2)\""
    );
    assert_eq!(
        flag_error("cache.policy=lirs(hir=2)"),
        "flag --set: cache.policy: expected `lirs` with parameters that it takes: hir (0.001 to 0.99; default 0.01): the share of \
         the capacity for entries not used again soon, ghosts (0 to 10; default 1): what is remembered of evicted \
         entries, in capacities, got \"lirs(hir=2)\""
    );
}

#[test]
fn a_start_outside_its_bounds() {
    assert_eq!(
        file_error("[cache]\nmax-capacity = \"100 MB\""),
        "host.toml:2: cache.max-capacity: 100 MB is less than cache.capacity, which is 260 MB (default): change \
         one of the two"
    );
    assert_eq!(
        file_error("[executor]\nmin-cpu-workers = 4\n\ncpu-workers = 2"),
        "host.toml:4: executor.cpu-workers: 2 is less than executor.min-cpu-workers, which is 4 (file \
         host.toml:2): change one of the two"
    );
    assert_eq!(
        file_error("[executor.shares]\nlow = 25\n"),
        "host.toml:2: executor.shares.low: 25 is more than the other two of executor.shares leave of 100, which is 20: \
         change one of the two"
    );
    assert_eq!(
        flag_error("cache.capacity=600MB"),
        "flag --set: cache.capacity: 600 MB is more than cache.max-capacity, which is 500 MB (default): change \
         one of the two"
    );
    assert_eq!(
        env_error("HOST_PREFETCH_MAX_IN_FLIGHT", "65"),
        "environment HOST_PREFETCH_MAX_IN_FLIGHT: prefetch.max-in-flight: 65 is more than \
         prefetch.max-in-flight-limit, which is 64 (default): change one of the two"
    );
}

#[test]
fn not_toml_at_all() {
    assert_eq!(
        file_error("[cache]\npolicy = \"lru\"\ncapacity = \n"),
        "host.toml:3: not valid TOML: string values must be quoted, expected literal string"
    );
    assert_eq!(
        file_error("[cache]\npolicy = \"lru\"\npolicy = \"lfu\""),
        "host.toml:3: not valid TOML: duplicate key"
    );
}

#[test]
fn no_such_file() {
    let missing = std::path::PathBuf::from("no-such-folder/host.toml");
    let error = loader().user_file(Some(missing)).load(&big()).unwrap_err().to_string();
    assert!(error.starts_with("no-such-folder/host.toml: cannot be read: "), "{error}");
    let error = loader().profile("no-such.toml").load(&big()).unwrap_err().to_string();
    assert!(error.starts_with("no-such.toml: cannot be read: "), "{error}");
}

#[test]
fn no_such_profile() {
    let error = |name: &str| loader().profile(name).load(&big()).unwrap_err().to_string();
    assert_eq!(error("mediun"), "no profile \"mediun\"; did you mean \"medium\"?");
    assert_eq!(
        error("huge"),
        "no profile \"huge\"; profiles are small, medium, large, high-performance, memory-constrained, \
         cpu-constrained; a file of your own is given by its path, ending in .toml"
    );
    assert_eq!(
        error("medium+cpu-constraint"),
        "no profile \"cpu-constraint\"; did you mean \"cpu-constrained\"?"
    );
}

#[test]
fn flags() {
    assert_eq!(
        flag_error("cache.capacity"),
        "flag --set: expected KEY=VALUE, such as cache.capacity=100MB, got \"cache.capacity\""
    );
    assert_eq!(
        flag_error("cache.capcity=1MB"),
        "flag --set: cache.capcity: no such key; did you mean \"cache.capacity\"?"
    );
    assert_eq!(flag_error("warm=1"), "flag --set: warm: no such key; `host profile show` lists the keys");
    assert_eq!(
        flag_error("strategies.mine.enable=true"),
        "flag --set: strategies.mine.enable: no such key; did you mean \"strategies.mine.enabled\"?"
    );
    assert_eq!(
        flag_error("strategies.mine.limits.fule=20000"),
        "flag --set: strategies.mine.limits.fule: no such key; did you mean \"strategies.mine.limits.fuel\"?"
    );
    assert_eq!(
        flag_error("strategies.mine=true"),
        "flag --set: strategies.mine: no such key; strategies.NAME has enabled, optional, mode, priority, grants, sha256, limits, settings"
    );
    assert_eq!(
        flag_error("executor.queue=many"),
        "flag --set: executor.queue: expected a whole number from 1 to 1000000, got \"many\""
    );
}

#[test]
fn environment() {
    assert_eq!(
        env_error("HOST_CACHE_CAPCITY", "1MB"),
        "environment: HOST_CACHE_CAPCITY: no such variable; did you mean \"HOST_CACHE_CAPACITY\"?"
    );
    assert_eq!(
        env_error("HOST_CAHCE_CAPACITY", "1MB"),
        "environment: HOST_CAHCE_CAPACITY: no such variable; did you mean \"HOST_CACHE_CAPACITY\"?"
    );
    assert_eq!(
        env_error("HOST_LIMITS_DISK_SPACE_FOR_COMPONENTS", "1"),
        "environment: HOST_LIMITS_DISK_SPACE_FOR_COMPONENTS: no such variable; `host profile show` lists the keys"
    );
    assert_eq!(
        env_error("HOST_STRATEGIES_CACHE_POLICY_PRIORITIES", "1"),
        "environment: HOST_STRATEGIES_CACHE_POLICY_PRIORITIES: no such variable; did you mean \
         \"HOST_STRATEGIES_CACHE_POLICY_PRIORITY\"?"
    );
    assert_eq!(
        env_error("HOST_CONTROL_TICK", "soon"),
        "environment HOST_CONTROL_TICK: control.tick: expected a duration with its unit, such as \"250 ms\" or \
         \"5 s\", from 1ms to 1h, got \"soon\""
    );
}

#[test]
fn no_such_strategy() {
    let (settings, path) = load_file("[plugins]\ndir = \"more\"\n[strategies]\nmy-stratgy = { grants = [] }");
    let settings = settings.unwrap();
    let known = ["cache-policy", "cache-sizing", "worker-sizing", "prefetch-rules", "my-strategy"];
    let error = |known: &[&str]| {
        let error = settings.check_strategies(known.iter().copied()).unwrap_err().to_string();
        let file = path.display().to_string();
        let folder = path.parent().unwrap().display().to_string();
        error.replace(&file, "host.toml").replace(&folder, "FOLDER")
    };
    assert_eq!(
        error(&known),
        "host.toml:4: strategies.my-stratgy: no strategy of that name; did you mean \"my-strategy\"?"
    );
    assert_eq!(
        error(&known[..4]),
        "host.toml:4: strategies.my-stratgy: no strategy of that name; there are cache-policy, cache-sizing, worker-sizing, \
         prefetch-rules; components are looked for in FOLDER/more; `optional = true` in its table lets a run begin without it"
    );
    let with_it = known.into_iter().chain(["my-stratgy"]);
    settings.check_strategies(with_it).unwrap();
}

#[test]
fn a_strategy_that_is_optional_may_be_missing_where_it_could_be_found_later() {
    const KNOWN: [&str; 4] = ["cache-policy", "cache-sizing", "worker-sizing", "prefetch-rules"];
    let check = |text: &str| load_file(text).0.unwrap().check_strategies(KNOWN).is_ok();
    let rest = "[strategies]\ncache-policy = { grants = [] }\n";
    assert!(check(&format!("[plugins]\ndir = \"more\"\n{rest}mine = {{ optional = true }}")));
    assert!(!check(&format!("[plugins]\ndir = \"more\"\n{rest}mine = {{ optional = false }}")));
}

#[test]
fn pins() {
    let digest = "a".repeat(64);
    assert_eq!(
        file_error("[strategies.mine]\nsha256 = \"abc\""),
        "host.toml:2: strategies.mine.sha256: expected a SHA-256 digest in quotes, 64 hexadecimal digits, as `host plugin \
         inspect` shows it, got \"abc\""
    );
    assert_eq!(
        file_error("[plugins.pins]\n\"plugin:mine\" = 3"),
        "host.toml:2: plugins.pins.\"plugin:mine\": expected a SHA-256 digest in quotes, 64 hexadecimal digits, as `host \
         plugin inspect` shows it, got 3"
    );
    let named = "a policy is pinned by the name that `cache.policy` has, such as \"plugin:mine\"; a strategy by \
                 `strategies.NAME.sha256`";
    assert_eq!(
        file_error(&format!("[plugins.pins]\nmine = \"{digest}\"")),
        format!("host.toml:2: plugins.pins.mine: no such key; {named}")
    );
    assert_eq!(
        flag_error(&format!("plugins.pins.mine={digest}")),
        format!("flag --set: plugins.pins.mine: no such key; {named}")
    );
    assert_eq!(
        file_error("[plugins]\npin = 3"),
        "host.toml:2: plugins.pin: no such key; did you mean \"plugins.pins\"?"
    );
}
