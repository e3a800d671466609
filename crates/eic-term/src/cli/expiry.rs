//! An endpoint's tunnel is cut after an hour: said in the window's title, which disturbs no full-screen program.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// When to speak, counted from the end.
const WARNINGS: [Duration; 2] = [Duration::from_secs(300), Duration::from_secs(60)];

/// Announces the end of what lives until `expires`, ahead of it.
pub(crate) async fn announce(expires: Option<Instant>, notes: mpsc::Sender<String>) {
    let Some(expires) = expires else {
        return;
    };
    let lifetime = expires.saturating_duration_since(Instant::now());
    for left in warnings(lifetime) {
        tokio::time::sleep_until((expires - left).into()).await;
        notes.try_send(title(left)).ok();
    }
}

/// How long before its end a life of this length is announced; a short one at its half.
fn warnings(lifetime: Duration) -> Vec<Duration> {
    let mut warnings: Vec<_> = WARNINGS
        .into_iter()
        .filter(|left| *left * 2 <= lifetime)
        .collect();
    if warnings.is_empty() {
        warnings.push(lifetime / 2);
    }
    warnings
}

/// Sets the window's title (OSC 2), which the next prompt of many shells replaces.
fn title(left: Duration) -> String {
    let left = match left.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    };
    format!("\x1b]2;eic-term: the endpoint closes this tunnel in {left}\x07")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_and_their_warnings() {
        for (lifetime, expected) in [
            (3600, vec![300, 60]),
            (600, vec![300, 60]),
            (599, vec![60]),
            (20, vec![10]),
        ] {
            let seconds: Vec<_> = warnings(Duration::from_secs(lifetime))
                .iter()
                .map(Duration::as_secs)
                .collect();
            assert_eq!(seconds, expected, "{lifetime}");
        }
        assert!(title(Duration::from_secs(300)).contains("in 5 min\x07"));
        assert!(title(Duration::from_secs(10)).contains("in 10 s\x07"));
    }
}
