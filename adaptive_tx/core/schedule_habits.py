"""What schedules of torch, Keras and optax call otherwise, or take as an argument where ours do not.

`mistakes` looks here too after a call has failed.
"""

# What is called otherwise here: of the names on the right the first that the function has.
RENAMED = {
    "init_value": "peak value start low",
    "initial_learning_rate": "peak value start low",
    "learning_rate": "peak value start",
    "base_lr": "low value start",
    "max_lr": "peak high",
    "peak_value": "peak high",
    "peak_lr": "peak high",
    "end_value": "floor end",
    "end_learning_rate": "floor end",
    "eta_min": "floor end",
    "min_lr": "floor end",
    "boundaries_and_scales": "boundaries",
    "milestones": "boundaries",
    "decay_steps": "steps decay every",
    "transition_steps": "steps every",
    "total_steps": "steps",
    "total_iters": "steps",
    "T_max": "steps",
    "num_training_steps": "steps",
    "warmup_steps": "warmup",
    "num_warmup_steps": "warmup",
    "stable_steps": "stable",
    "step_size": "every learning_rate",
    "step_size_up": "half_period",
    "gamma": "factor",
    "decay_rate": "factor rate",
    "decay_factor": "factor",
    "T_0": "period",
    "first_decay_steps": "period",
    "T_mult": "growth",
    "t_mul": "growth",
    "pct_start": "warm",
    "div_factor": "div",
    "final_div_factor": "final_div",
}

# What is done otherwise; "*" answers what `habits.OTHERWISE` knows of optimizers.

WARMED = "write schedules.with_warmup(schedules.{who}(...), {value})"
OF_SCHEDULES = {
    "warmup": WARMED,
    "warmup_steps": WARMED,
    "num_warmup_steps": WARMED,
    "transition_begin": "write schedules.join(schedules.constant(first), schedules.{who}(...), "
    "boundaries=[{value}])",
    "end_value": "write schedules.join(schedules.{who}(...), schedules.constant({value}), "
    "boundaries=[last])",
    "exponent": "write a function of the count: lambda count: f(count) ** {value} is a schedule, too",
    "last_epoch": "leave it out: the count is in the state of the optimizer",
    "verbose": "leave it out",
    "name": "leave it out: a schedule prints as the call that makes it",
    "*": "it is for the optimizer that the schedule is given to, adam(schedules.{who}(...))",
}
