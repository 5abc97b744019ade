"""How far `rate_range_test`'s suggestion is from the best rate of a sweep, in decades.

Two sets of 48: on the first, the rule of the range test was chosen; the second was held out, other tasks,
optimizers and keys. The best rate is the one whose loss on the training examples, averaged over the last
tenth of a training at a constant rate, is least in a sweep of 31 rates, eight a decade at most; beside it
stands the interval of rates that are within 5 % of it (of its loss, or of the way that it has come from the
first loss, whichever is more), for where a loss is flat, its least is a matter of luck.

    error      log10(suggested / best)
    outside    how far, in decades, the suggestion is from that interval; 0 inside
"""
