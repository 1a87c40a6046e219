//! Works on the files of a record: verify, prove, export, rebuild, record, doctor.

use crate::cli::Globals;
use crate::cli::machine::{
    DoctorArgs, ExportArgs, ProveArgs, RebuildArgs, RecordArgs, VerifyArgs,
};
use crate::exit::{Exit, Failure};
use crate::say::Out;

pub(crate) fn verify(_: VerifyArgs, _: &Globals, _: &Out) -> Result<(), Failure> {
    Err(Failure::new(Exit::Internal, "this build cannot verify"))
}

pub(crate) fn prove(_: ProveArgs, _: &Globals, _: &Out) -> Result<(), Failure> {
    Err(Failure::new(Exit::Internal, "this build cannot prove"))
}

pub(crate) fn export(_: ExportArgs, _: &Globals, _: &Out) -> Result<(), Failure> {
    Err(Failure::new(Exit::Internal, "this build cannot export"))
}

pub(crate) fn rebuild(_: RebuildArgs, _: &Globals, _: &Out) -> Result<(), Failure> {
    Err(Failure::new(Exit::Internal, "this build cannot rebuild"))
}

pub(crate) fn record(_: RecordArgs, _: &Globals, _: &Out) -> Result<(), Failure> {
    Err(Failure::new(Exit::Internal, "this build cannot read the record"))
}

pub(crate) fn doctor(_: DoctorArgs, _: &Globals, _: &Out) -> Result<(), Failure> {
    Err(Failure::new(Exit::Internal, "this build has no doctor"))
}
