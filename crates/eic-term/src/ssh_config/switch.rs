//! What each option of the command line does.

use super::algorithm::{self, Family};
use super::choices::ControlCommand;
use super::command_line::{Asked, Parser, Step};
use super::expand::expand_home;
use super::forward::{Form, Forward, Listen, Target};
use super::jump;
use super::keyword::Key;
use super::log::Fatal;
use super::number;
use super::reader::{Reader, Scope, reason};
use super::special::{parse_escape_char, parse_tunnel_device};
use super::value::Value;

type Done = Result<Step, Fatal>;

/// What a plain switch sets.
const PLAIN: &[(char, &[(Key, &str)])] = &[
    ('2', &[]),
    ('4', &[(Key::AddressFamily, "inet")]),
    ('6', &[(Key::AddressFamily, "inet6")]),
    ('a', &[(Key::ForwardAgent, "no")]),
    ('C', &[(Key::Compression, "yes")]),
    (
        'f',
        &[
            (Key::ForkAfterAuthentication, "yes"),
            (Key::StdinNull, "yes"),
        ],
    ),
    ('g', &[(Key::GatewayPorts, "yes")]),
    (
        'K',
        &[
            (Key::GssapiAuthentication, "yes"),
            (Key::GssapiDelegateCredentials, "yes"),
        ],
    ),
    ('k', &[(Key::GssapiDelegateCredentials, "no")]),
    ('n', &[(Key::StdinNull, "yes")]),
    ('q', &[(Key::LogLevel, "SILENT")]),
    ('T', &[(Key::RequestTty, "false")]),
    ('X', &[(Key::ForwardX11, "yes")]),
    ('x', &[(Key::ForwardX11, "no")]),
    (
        'Y',
        &[(Key::ForwardX11, "yes"), (Key::ForwardX11Trusted, "yes")],
    ),
];

/// An option that stands alone.
pub(super) fn alone(parser: &mut Parser<'_>, option: char) -> Done {
    let settings = &mut parser.line.settings;
    match option {
        '1' => {
            let what = "SSH protocol v.1 is no longer supported";
            return Err(parser.log.fatal(what));
        }
        'V' => return Ok(Step::Answer(Asked::Version)),
        'G' => parser.line.print = true,
        'y' => parser.line.syslog = true,
        'v' => more_verbose(parser),
        'A' if matches!(settings.get(Key::ForwardAgent), Some(Value::Path(_))) => {}
        'A' => settings.put_word(Key::ForwardAgent, "yes"),
        't' if settings.is(Key::RequestTty, "true") => settings.put_word(Key::RequestTty, "force"),
        't' => settings.put_word(Key::RequestTty, "true"),
        'M' if settings.is(Key::ControlMaster, "true") => {
            settings.put_word(Key::ControlMaster, "ask");
        }
        'M' => settings.put_word(Key::ControlMaster, "true"),
        'N' => return session(parser, "none", "Cannot specify -N with -s/SessionType"),
        's' => return session(parser, "subsystem", "Cannot specify -s with -N/SessionType"),
        option => {
            let plain = PLAIN.iter().find(|(one, _)| *one == option);
            for (key, word) in plain.map_or(&[][..], |(_, sets)| sets) {
                settings.put_word(*key, word);
            }
        }
    }
    Ok(Step::Said)
}

fn more_verbose(parser: &mut Parser<'_>) {
    let line = &mut parser.line;
    let level = match line.settings.text(Key::LogLevel) {
        _ if line.verbosity == 0 => "DEBUG",
        Some("SILENT") => "FATAL",
        Some("FATAL") => "ERROR",
        Some("ERROR") => "INFO",
        Some("INFO") => "VERBOSE",
        Some("VERBOSE") => "DEBUG",
        Some("DEBUG") => "DEBUG2",
        _ => "DEBUG3",
    };
    line.settings.put_word(Key::LogLevel, level);
    line.verbosity = line.verbosity.saturating_add(1).min(3);
}

fn session(parser: &mut Parser<'_>, kind: &'static str, otherwise: &str) -> Done {
    let settings = &mut parser.line.settings;
    match settings.text(Key::SessionType) {
        Some(other) if other != kind => return Err(parser.log.fatal(otherwise)),
        _ => settings.put_word(Key::SessionType, kind),
    }
    if kind == "none" {
        settings.put_word(Key::RequestTty, "false");
    }
    Ok(Step::Said)
}

/// An option and its argument.
pub(super) fn with_argument(parser: &mut Parser<'_>, option: char, argument: &str) -> Done {
    let text = || Value::Text(argument.to_owned());
    let line = &mut parser.line;
    match option {
        'b' => line.settings.put(Key::BindAddress, text()),
        'B' => line.settings.put(Key::BindInterface, text()),
        'E' => line.log_file = Some(argument.to_owned()),
        'F' => line.config = Some(argument.to_owned()),
        'I' => line.settings.put(Key::Pkcs11Provider, text()),
        'l' => parser.user(argument.to_owned()),
        'P' => line.settings.say(Key::Tag, text()),
        'S' => line.settings.put(Key::ControlPath, text()),
        'c' => return cipher(parser, argument),
        'e' => return escape(parser, argument),
        'i' => return identity(parser, argument),
        'J' => return jump(parser, argument),
        'L' => return forward(parser, "local", Key::LocalForward, &[Form::Local], argument),
        'D' => {
            return forward(
                parser,
                "dynamic",
                Key::DynamicForward,
                &[Form::Dynamic],
                argument,
            );
        }
        'R' => {
            let forms = [Form::Remote, Form::RemoteDynamic];
            return forward(parser, "remote", Key::RemoteForward, &forms, argument);
        }
        'm' => return mac(parser, argument),
        'O' => return control(parser, argument),
        'o' => return set(parser, argument),
        'p' => return port(parser, argument),
        'Q' => return query(parser, argument),
        'W' => return stdio_forward(parser, argument),
        _ => return tunnel(parser, argument),
    }
    Ok(Step::Said)
}

/// Sets what an argument was read as, or ends with a message.
fn put(parser: &mut Parser<'_>, key: Key, value: Option<Value>, otherwise: String) -> Done {
    match value {
        Some(value) => parser.line.settings.put(key, value),
        None => return Err(parser.log.fatal(otherwise)),
    }
    Ok(Step::Said)
}

fn cipher(parser: &mut Parser<'_>, list: &str) -> Done {
    let good = !list.starts_with('-') && Family::Cipher.accepts(list);
    let value = good.then(|| Value::Text(list.to_owned()));
    let otherwise = format!("Unknown cipher type '{list}'");
    put(parser, Key::Ciphers, value, otherwise)
}

fn mac(parser: &mut Parser<'_>, list: &str) -> Done {
    let good = !list.starts_with(['-', '+', '^']) && Family::Mac.accepts(list);
    let value = good.then(|| Value::Text(list.to_owned()));
    put(
        parser,
        Key::Macs,
        value,
        format!("Unknown mac type '{list}'"),
    )
}

fn escape(parser: &mut Parser<'_>, argument: &str) -> Done {
    let otherwise = format!("Bad escape character '{argument}'.");
    put(
        parser,
        Key::EscapeChar,
        parse_escape_char(argument),
        otherwise,
    )
}

fn tunnel(parser: &mut Parser<'_>, argument: &str) -> Done {
    let settings = &mut parser.line.settings;
    if !settings.has(Key::Tunnel) {
        settings.put_word(Key::Tunnel, "point-to-point");
    }
    let otherwise = format!("Bad tun device '{argument}'");
    put(
        parser,
        Key::TunnelDevice,
        parse_tunnel_device(argument),
        otherwise,
    )
}

/// The first one holds, and only that is looked at.
fn port(parser: &mut Parser<'_>, argument: &str) -> Done {
    if parser.line.settings.has(Key::Port) {
        return Ok(Step::Said);
    }
    let port = number::port(argument, parser.system).filter(|port| *port > 0);
    let value = port.map(|port| Value::Number(i64::from(port)));
    put(parser, Key::Port, value, format!("Bad port '{argument}'"))
}

/// A key that is not there is left out, which is said.
fn identity(parser: &mut Parser<'_>, argument: &str) -> Done {
    let path = expand_home(argument, parser.system);
    let path = path.map_err(|message| parser.log.fatal(message))?;
    match parser.system.find(&path) {
        Ok(()) => parser
            .line
            .settings
            .say(Key::IdentityFile, Value::List(vec![path])),
        Err(error) => parser.log.say(format!(
            "Warning: Identity file {path} not accessible: {}.",
            reason(&error)
        )),
    }
    Ok(Step::Said)
}

fn jump(parser: &mut Parser<'_>, argument: &str) -> Done {
    let settings = &mut parser.line.settings;
    if settings.has(Key::ProxyJump) {
        return Err(parser.log.fatal(
            "Only a single -J option is permitted (use commas to separate multiple jump hops)",
        ));
    }
    if settings.has(Key::ProxyCommand) {
        let what = "Cannot specify -J with ProxyCommand";
        return Err(parser.log.fatal(what));
    }
    let hops = jump::parse(argument, parser.system);
    let unsafe_name = hops.as_deref().and_then(jump::unsafe_name);
    if let Some(why) = &unsafe_name {
        parser.log.say(why);
    }
    let hops = hops.filter(|_| unsafe_name.is_none()).map(Value::Hops);
    put(
        parser,
        Key::ProxyJump,
        hops,
        "Invalid -J argument".to_owned(),
    )
}

fn forward(parser: &mut Parser<'_>, what: &str, key: Key, forms: &[Form], argument: &str) -> Done {
    let system = parser.system;
    let parse = |form: &Form| Forward::parse(argument, *form, system);
    match forms.iter().find_map(parse) {
        Some(forward) => {
            let value = Value::Forwards(vec![forward]);
            parser.line.settings.say(key, value);
            Ok(Step::Said)
        }
        None => {
            let tried = forms.iter();
            let unknown = tried.filter_map(|_| Forward::unknown_variable(argument, system));
            unknown.for_each(|why| parser.log.say(why));
            let what = format!("Bad {what} forwarding specification '{argument}'");
            Err(parser.log.fatal(what))
        }
    }
}

fn stdio_forward(parser: &mut Parser<'_>, argument: &str) -> Done {
    if parser.line.stdio_forward.is_some() {
        return Err(parser.log.fatal("stdio forward already specified"));
    }
    if parser.line.control.is_some() {
        return Err(parser.log.fatal("Cannot specify stdio forward with -O"));
    }
    let Some(forward) = Forward::parse(argument, Form::Dynamic, parser.system) else {
        let unknown = Forward::unknown_variable(argument, parser.system);
        unknown.into_iter().for_each(|why| parser.log.say(why));
        let what = format!("Bad stdio forwarding specification '{argument}'");
        return Err(parser.log.fatal(what));
    };
    parser.line.stdio_forward = match forward.listen {
        Listen::Port { host, port } => host.map(|host| Target::Port { host, port }),
        Listen::Path(path) => Some(Target::Path(path)),
    };
    parser.line.settings.put_word(Key::RequestTty, "false");
    parser.line.settings.put_word(Key::SessionType, "none");
    Ok(Step::Said)
}

fn control(parser: &mut Parser<'_>, argument: &str) -> Done {
    let wrong = match (&parser.line.stdio_forward, parser.line.control) {
        (Some(_), _) => "Cannot specify multiplexing command with -W",
        (None, Some(_)) => "Multiplexing command already specified",
        (None, None) => "Invalid multiplex command.",
    };
    match ControlCommand::parse(argument) {
        Some(command) if wrong.starts_with("Invalid") => parser.line.control = Some(command),
        _ => return Err(parser.log.fatal(wrong)),
    }
    Ok(Step::Said)
}

fn query(parser: &mut Parser<'_>, name: &str) -> Done {
    match algorithm::query(name) {
        Some(names) => Ok(Step::Answer(Asked::Query(names))),
        None => Err(parser.log.fatal(format!("Unsupported query \"{name}\""))),
    }
}

/// `-o`: a line of a configuration file.
fn set(parser: &mut Parser<'_>, text: &str) -> Done {
    let mut reader = Reader {
        system: parser.system,
        log: parser.log,
        settings: &mut parser.line.settings,
        scope: Scope::default(),
        wants_final: false,
        names_host: true,
        has_own_identity: false,
    };
    reader.option(text)?;
    Ok(Step::Said)
}
