//! The local terminal's modes, in the encoding of RFC 4254 §8 (and RFC 8160 for IUTF8).

use rustix::termios::{
    ControlModes, InputModes, LocalModes, OutputModes, SpecialCodeIndex, Termios,
};

/// What the protocol says for a key that is switched off.
const DISABLED: u32 = 255;

const KEYS: &[(u8, SpecialCodeIndex)] = &[
    (1, SpecialCodeIndex::VINTR),
    (2, SpecialCodeIndex::VQUIT),
    (3, SpecialCodeIndex::VERASE),
    (4, SpecialCodeIndex::VKILL),
    (5, SpecialCodeIndex::VEOF),
    (6, SpecialCodeIndex::VEOL),
    (7, SpecialCodeIndex::VEOL2),
    (8, SpecialCodeIndex::VSTART),
    (9, SpecialCodeIndex::VSTOP),
    (10, SpecialCodeIndex::VSUSP),
    (12, SpecialCodeIndex::VREPRINT),
    (13, SpecialCodeIndex::VWERASE),
    (14, SpecialCodeIndex::VLNEXT),
    (18, SpecialCodeIndex::VDISCARD),
];

const INPUT: &[(u8, InputModes)] = &[
    (30, InputModes::IGNPAR),
    (31, InputModes::PARMRK),
    (32, InputModes::INPCK),
    (33, InputModes::ISTRIP),
    (34, InputModes::INLCR),
    (35, InputModes::IGNCR),
    (36, InputModes::ICRNL),
    (38, InputModes::IXON),
    (39, InputModes::IXANY),
    (40, InputModes::IXOFF),
    (41, InputModes::IMAXBEL),
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    (42, InputModes::IUTF8),
];

const LOCAL: &[(u8, LocalModes)] = &[
    (50, LocalModes::ISIG),
    (51, LocalModes::ICANON),
    (53, LocalModes::ECHO),
    (54, LocalModes::ECHOE),
    (55, LocalModes::ECHOK),
    (56, LocalModes::ECHONL),
    (57, LocalModes::NOFLSH),
    (58, LocalModes::TOSTOP),
    (59, LocalModes::IEXTEN),
    (60, LocalModes::ECHOCTL),
    (61, LocalModes::ECHOKE),
    (62, LocalModes::PENDIN),
];

const OUTPUT: &[(u8, OutputModes)] = &[
    (70, OutputModes::OPOST),
    (72, OutputModes::ONLCR),
    (73, OutputModes::OCRNL),
    (74, OutputModes::ONOCR),
    (75, OutputModes::ONLRET),
];

/// Two values of one field, then two flags.
const CONTROL: &[(u8, ControlModes, ControlModes)] = &[
    (90, ControlModes::CSIZE, ControlModes::CS7),
    (91, ControlModes::CSIZE, ControlModes::CS8),
    (92, ControlModes::PARENB, ControlModes::PARENB),
    (93, ControlModes::PARODD, ControlModes::PARODD),
];

/// Pairs of opcode and argument, of standard input's terminal; none where it is no terminal.
pub(super) fn current() -> Vec<(u8, u32)> {
    rustix::termios::tcgetattr(std::io::stdin()).map_or_else(|_| Vec::new(), |modes| encode(&modes))
}

fn encode(modes: &Termios) -> Vec<(u8, u32)> {
    let flag = |opcode: u8, set: bool| (opcode, u32::from(set));
    let key = |&(opcode, index): &(u8, SpecialCodeIndex)| {
        let code = modes.special_codes[index];
        (
            opcode,
            if code == VDISABLE {
                DISABLED
            } else {
                u32::from(code)
            },
        )
    };
    let keys = KEYS.iter().map(key);
    let input = INPUT
        .iter()
        .map(|&(opcode, bit)| flag(opcode, modes.input_modes.contains(bit)));
    let local = LOCAL
        .iter()
        .map(|&(opcode, bit)| flag(opcode, modes.local_modes.contains(bit)));
    let output = OUTPUT
        .iter()
        .map(|&(opcode, bit)| flag(opcode, modes.output_modes.contains(bit)));
    let control = CONTROL.iter().map(|&(opcode, mask, value)| {
        flag(opcode, modes.control_modes.intersection(mask) == value)
    });
    let speeds = [(128, modes.input_speed()), (129, modes.output_speed())];
    let flags = input.chain(local).chain(output).chain(control);
    keys.chain(flags).chain(speeds).collect()
}

/// `_POSIX_VDISABLE`.
const VDISABLE: u8 = if cfg!(target_os = "linux") { 0 } else { 255 };

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

    #[test]
    fn of_a_terminal() {
        let system = portable_pty::native_pty_system();
        let pair = system.openpty(portable_pty::PtySize::default()).unwrap();
        let path = pair.master.tty_name().unwrap();
        let terminal = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let mut modes = tcgetattr(&terminal).unwrap();
        modes.special_codes[SpecialCodeIndex::VERASE] = 8;
        modes.special_codes[SpecialCodeIndex::VSUSP] = VDISABLE;
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ISIG);
        modes.input_modes.insert(InputModes::IXOFF);
        tcsetattr(&terminal, OptionalActions::Now, &modes).unwrap();
        let encoded = encode(&tcgetattr(&terminal).unwrap());
        for (opcode, value) in [
            (1, 3),
            (3, 8),
            (10, 255),
            (40, 1),
            (50, 1),
            (53, 0),
            (90, 0),
            (91, 1),
            (128, 38400),
        ] {
            assert!(
                encoded.contains(&(opcode, value)),
                "{opcode} {value}: {encoded:?}"
            );
        }
    }
}
