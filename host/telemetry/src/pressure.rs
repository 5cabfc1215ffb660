//! Pressure stall information (PSI): the share of time in which work waited for CPU, memory or IO.
//!
//! Utilisation says how busy a resource is, pressure says whether somebody waits for it. Linux tells it of
//! the machine (`/proc/pressure`) and of each control group of version 2. Taken is `some avg10`: at least
//! one task waited, as a mean over the last ten seconds or so. A kernel without it (before 4.20, or booted
//! with `psi=0`), another system, or a text that does not parse gives none.

use std::path::Path;

use serde::Serialize;

use crate::cgroup;
use crate::small_file;

/// Shares of time in which at least one task waited, of the last ten seconds. 0.0 to 1.0; none where the
/// system does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// For a CPU.
    pub cpu_some: Option<f64>,
    /// For memory: to be freed, or read back in.
    pub memory_some: Option<f64>,
    /// For IO.
    pub io_some: Option<f64>,
}

impl Pressure {
    /// Of the whole machine. `root` is `/`, except in tests.
    pub(crate) fn of_machine(root: &Path) -> Self {
        let folder = root.join("proc/pressure");
        Self::read(|resource| folder.join(resource))
    }

    /// Of the process's own control group; nothing where it is in none of version 2.
    pub(crate) fn of_cgroup(root: &Path) -> Self {
        let Some(group) = cgroup::own_v2(root) else { return Self::default() };
        Self::read(|resource| group.join(format!("{resource}.pressure")))
    }

    fn read(file: impl Fn(&str) -> std::path::PathBuf) -> Self {
        let some = |resource| some_avg10(&small_file::read(&file(resource))?);
        Self { cpu_some: some("cpu"), memory_some: some("memory"), io_some: some("io") }
    }
}

/// `some avg10=1.53 avg60=0.87 avg300=0.22 total=123456`, in percent.
fn some_avg10(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent: f64 =
        line.split_ascii_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_root::root;

    const CPU: &str = "some avg10=12.50 avg60=6.52 avg300=4.15 total=26201942\n\
                       full avg10=99.00 avg60=0.00 avg300=0.00 total=0\n";

    #[test]
    fn the_share_of_the_last_ten_seconds_is_taken_and_nonsense_is_none() {
        assert_eq!(some_avg10(CPU), Some(0.125));
        assert_eq!(some_avg10("full avg10=3.00\nsome avg10=100.00 total=1\n"), Some(1.0));
        for nonsense in
            ["", "some", "some avg10=", "some avg10=NaN", "some avg10=-1", "some avg10=101", "some 12.5"]
        {
            assert_eq!(some_avg10(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn the_machine_and_the_control_group_are_told_apart() {
        let dir = root(&[
            ("proc/pressure/cpu", CPU),
            ("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
            ("proc/self/cgroup", "0::/app\n"),
            ("sys/fs/cgroup/app/cpu.pressure", "some avg10=50.00 avg60=0.00 avg300=0.00 total=9\n"),
            ("sys/fs/cgroup/cpu.pressure", "some avg10=75.00 avg60=0.00 avg300=0.00 total=9\n"),
        ]);
        let machine = Pressure { cpu_some: Some(0.125), memory_some: None, io_some: Some(0.0) };
        assert_eq!(Pressure::of_machine(dir.path()), machine);
        assert_eq!(Pressure::of_cgroup(dir.path()), Pressure { cpu_some: Some(0.5), ..Pressure::default() });
    }

    #[test]
    fn a_system_without_it_tells_nothing() {
        let dir = root(&[("proc/self/cgroup", "4:cpu:/\n")]);
        assert_eq!(Pressure::of_machine(dir.path()), Pressure::default());
        assert_eq!(Pressure::of_cgroup(dir.path()), Pressure::default());
    }
}
