//! What `df` shows: pure.

use eic_term::files::FileSystem;

use super::ls::scaled;

/// What `df` shows of a file system.
pub(super) fn lines(of: &FileSystem, human: bool, inodes: bool) -> Vec<String> {
    let share = |all: u64, free: u64| match all {
        0 => "ERR".to_owned(),
        all => format!("{:>3}%", all.saturating_sub(free).saturating_mul(100) / all),
    };
    if inodes {
        let used = of.inodes.saturating_sub(of.free_inodes);
        let (all, available, free) = (of.inodes, of.available_inodes, of.free_inodes);
        let share = share(all, free);
        return vec![
            "     Inodes        Used       Avail      (root)    %Capacity".to_owned(),
            format!("{all:>11} {used:>11} {available:>11} {free:>11}         {share}"),
        ];
    }
    let used = of.blocks.saturating_sub(of.free_blocks);
    let bytes = |blocks: u64| blocks.saturating_mul(of.fragment_size);
    let [all, used, available, free] =
        [of.blocks, used, of.available_blocks, of.free_blocks].map(bytes);
    let share = share(of.blocks, of.free_blocks);
    if human {
        let [all, used, available, free] = [all, used, available, free].map(scaled);
        return vec![
            "    Size     Used    Avail   (root)    %Capacity".to_owned(),
            format!("{all:>7}B {used:>7}B {available:>7}B {free:>7}B         {share}"),
        ];
    }
    let [all, used, available, free] = [all, used, available, free].map(|bytes| bytes / 1024);
    vec![
        "        Size         Used        Avail       (root)    %Capacity".to_owned(),
        format!("{all:>12} {used:>12} {available:>12} {free:>12}         {share}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems() {
        let of = FileSystem {
            block_size: 4096,
            fragment_size: 4096,
            blocks: 1_000_000,
            free_blocks: 250_000,
            available_blocks: 200_000,
            inodes: 0,
            free_inodes: 0,
            available_inodes: 0,
            id: 0,
            flags: 0,
            longest_name: 255,
        };
        let table = [
            (
                false,
                false,
                "     4000000      3000000       800000      1000000          75%",
            ),
            (
                true,
                false,
                "   3.8GB    2.9GB    781MB    977MB          75%",
            ),
            (
                true,
                true,
                "          0           0           0           0         ERR",
            ),
        ];
        for (human, inodes, expected) in table {
            assert_eq!(lines(&of, human, inodes)[1], expected);
        }
    }
}
