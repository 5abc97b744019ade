"""Built-in tasks on real data that needs no download: digits, small tables, the text of a manual."""

from adaptive_tx.tune.tasks.table import TASKS as TASKS
from adaptive_tx.tune.tasks.table import load as load
from adaptive_tx.tune.tasks.task import Split as Split
from adaptive_tx.tune.tasks.task import Task as Task
