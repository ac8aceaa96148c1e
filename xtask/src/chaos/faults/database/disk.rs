use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Rng, World, while_in_force};
use anyhow::{Context, Result};

/// How large it is; a database and its tables take a fifth of it.
const SIZE: &str = "96m";

/// A small disk that PostgreSQL keeps the tables on. Dropping it unmounts it.
#[derive(Debug)]
pub(in super::super::super) struct Disk {
    mount: PathBuf,
}

impl Disk {
    /// Mounts a disk in memory; `None` where that is not allowed.
    ///
    /// `data` is the data directory of the server, whose owner has to own the disk.
    pub(in super::super::super) fn mount(data: &Path) -> Result<Option<Self>> {
        let owner = fs::metadata(data).context("there is no data directory")?;
        let mount = std::env::temp_dir().join(format!("ampsync-disk-{:08x}", fastrand::u32(..)));
        fs::create_dir(&mount).context("could not make a folder")?;
        let options = format!("size={SIZE},mode=0755");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&mount);
        if !command.output().is_ok_and(|output| output.status.success()) {
            fs::remove_dir(&mount).ok();
            println!("note: no disk can be mounted here, so none can be full");
            return Ok(None);
        }
        let disk = Self { mount };
        fs::create_dir(disk.folder()).context("could not make a folder")?;
        chown(disk.folder(), Some(owner.uid()), Some(owner.gid())).context("could not give it")?;
        Ok(Some(disk))
    }

    pub(in super::super::super) fn folder(&self) -> PathBuf {
        self.mount.join("space")
    }

    fn ballast(&self) -> PathBuf {
        self.mount.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // PostgreSQL may still have files open on it.
        Command::new("umount").arg("-l").arg(&self.mount).output().ok();
        fs::remove_dir(&self.mount).ok();
    }
}

pub(in super::super::super) async fn full(world: &World, mut random: Rng) -> Result<bool> {
    let Some(disk) = &world.disk else { return Ok(false) };
    let ballast = disk.ballast();
    // Ends with an error, when the disk is full.
    std::io::copy(&mut std::io::repeat(0), &mut fs::File::create(&ballast)?).ok();
    // A full page is only needed once the table's last one is.
    world.with_sim(|sim| sim.mine(200)).await;
    let struck = while_in_force(world, &mut random, &[], &[], "53100").await;
    fs::remove_file(&ballast).context("could not free the disk")?;
    struck
}
