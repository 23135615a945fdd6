#!/bin/bash
# One analysis as an array of jobs of SLURM; elsewhere, RANK and WORLD_SIZE (torchrun) say the same.
#
#   sbatch --array=0-63 docs/submit.sh model.pt run --data images.npy --effort quick
#   gapkit merge run        # when all of them are done
#
# A job that is stopped and queued again goes on from where it was.
#SBATCH --job-name=gapkit
#SBATCH --cpus-per-task=2
#SBATCH --requeue
set -euo pipefail
checkpoint=$1 out=$2
shift 2
exec gapkit analyze "$checkpoint" --out "$out" --shard auto --resume --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"
