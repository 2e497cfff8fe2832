"""Verbs of runs: asking for one, working on it, cancelling, doing again, undoing, noting what is done."""

from runs.services.actions import ACTIONS as ACTIONS
from runs.services.asking import MOST as MOST
from runs.services.asking import Thing as Thing
from runs.services.asking import begin_run as begin_run
from runs.services.asking import cancel_run as cancel_run
from runs.services.asking import may_follow as may_follow
from runs.services.asking import retry_run as retry_run
from runs.services.asking import retryable as retryable
from runs.services.asking import to_retry as to_retry
from runs.services.asking import undo_run as undo_run
from runs.services.asking import undoable as undoable
from runs.services.noting import apply_code as apply_code
from runs.services.noting import apply_code_once as apply_code_once
from runs.services.working import due as due
from runs.services.working import prune as prune
from runs.services.working import work as work
from runs.services.working import work_now as work_now
