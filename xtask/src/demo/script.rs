//! What happens in a demo, all of it decided by the seed.

use std::fmt;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many blocks are added.
    Mine(u64),
    /// So many blocks are replaced, by one more.
    Reorg(u64),
    /// Ampsync is started.
    Start,
    /// Ampsync is killed, without warning.
    Kill,
    /// Every table reaches the head of the chain.
    CatchUp,
    /// Time passes in which ampsync may do something, or not.
    Look,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mine(1) => f.write_str("1 block is mined"),
            Self::Mine(blocks) => write!(f, "{blocks} blocks are mined"),
            Self::Reorg(depth) => write!(f, "a reorg of depth {depth}"),
            Self::Start => f.write_str("ampsync starts"),
            Self::Kill => f.write_str("ampsync is killed"),
            Self::CatchUp => f.write_str("ampsync catches up"),
            Self::Look => f.write_str("ampsync works"),
        }
    }
}

/// Makes a script after which the chain has `blocks` blocks, if that leaves one for each of the
/// `reorgs`, and ampsync runs and has caught up.
pub(super) fn script(seed: u64, blocks: u64, reorgs: u64) -> Vec<Step> {
    let mut random = fastrand::Rng::with_seed(seed);
    // Each reorg makes the chain one block longer by itself.
    let mut to_mine = blocks.saturating_sub(reorgs).max(2);
    // The first part is there before ampsync is: one long range.
    let history = (to_mine / 3).max(2);
    to_mine -= history;
    let mut height = history;
    let mut steps = vec![Step::Mine(history), Step::Start];
    for left in (1..=reorgs).rev() {
        let mine = random.u64(0..=2 * to_mine / left).min(to_mine);
        to_mine -= mine;
        height += mine;
        // The first three are one of each kind.
        let kind = if reorgs - left < 3 { reorgs - left } else { random.u64(0..3) };
        let deepest = (height - 1).min(if kind == 1 { 40.max(mine) } else { 6 });
        let reorg = Step::Reorg(random.u64(1..=deepest));
        steps.extend(match kind {
            // At the head.
            0 => vec![Step::Mine(mine), Step::CatchUp, reorg, Step::CatchUp],
            // In the middle of catching up, perhaps deep into a range.
            1 => vec![Step::Mine(mine), Step::Look, reorg, Step::Look],
            // While nobody looks.
            _ => vec![Step::Look, Step::Kill, Step::Mine(mine), reorg, Step::Start],
        });
        height += 1;
    }
    steps.extend([Step::Mine(to_mine), Step::CatchUp]);
    steps.retain(|step| *step != Step::Mine(0));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn height(steps: &[Step]) -> u64 {
        let added = steps.iter().map(|step| match step {
            Step::Mine(blocks) => *blocks,
            Step::Reorg(_) => 1,
            Step::Start | Step::Kill | Step::CatchUp | Step::Look => 0,
        });
        added.sum()
    }

    #[test]
    fn a_script_has_the_blocks_and_reorgs_asked_for() {
        for seed in 0..200 {
            for (blocks, reorgs) in [(20, 0), (20, 18), (300, 8), (5_000, 100)] {
                let steps = script(seed, blocks, reorgs);
                let found = steps.iter().filter(|step| matches!(step, Step::Reorg(_))).count();
                assert_eq!((height(&steps), u64::try_from(found).unwrap()), (blocks, reorgs));
            }
        }
    }

    #[test]
    fn no_reorg_replaces_the_first_block_and_ampsync_runs_in_the_end() {
        for seed in 0..200 {
            let steps = script(seed, 40, 30);
            let mut running = false;
            for (index, step) in steps.iter().enumerate() {
                match step {
                    Step::Reorg(depth) => assert!(*depth < height(&steps[..index])),
                    Step::Start | Step::Kill => {
                        assert_eq!(running, *step == Step::Kill);
                        running = !running;
                    }
                    Step::CatchUp | Step::Look => assert!(running),
                    Step::Mine(_) => {}
                }
            }
            assert!(running);
            assert_eq!(steps.last(), Some(&Step::CatchUp));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_script() {
        assert_eq!(script(7, 300, 8), script(7, 300, 8));
        assert_ne!(script(7, 300, 8), script(8, 300, 8));
    }

    #[test]
    fn three_reorgs_are_enough_to_see_every_kind() {
        let steps = script(1, 300, 3);
        assert!(steps.contains(&Step::Kill));
        assert!(steps.windows(2).any(|pair| matches!(pair, [Step::CatchUp, Step::Reorg(_)])));
        assert!(steps.windows(2).any(|pair| matches!(pair, [Step::Look, Step::Reorg(_)])));
    }
}
