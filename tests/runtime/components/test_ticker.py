from tinyflow_runtime.components import Ticker, TickerSettings


def test_a_ticker_counts_from_zero_in_a_steady_rhythm(simulate, output):
    ticker, output.enough = Ticker(), 4
    ticker.settings = TickerSettings(every=0.5)

    simulate(ticker.run(output))

    assert output.got == [("out", 0), ("out", 1), ("out", 2), ("out", 3)]
    assert output.times == [0.0, 0.5, 1.0, 1.5]


def test_a_ticker_with_a_number_of_times_comes_to_its_end(simulate, output):
    ticker = Ticker()
    ticker.settings = TickerSettings(every=10, times=3)

    simulate(ticker.run(output))

    assert output.on("out") == [0, 1, 2]


def test_ticks_that_nobody_had_time_for_are_left_out_and_the_rhythm_stays(simulate, output):
    ticker, output.enough, output.takes = Ticker(), 3, 2.5
    ticker.settings = TickerSettings(every=1)

    simulate(ticker.run(output))

    assert output.on("out") == [0, 1, 2]
    assert output.times == [2.5, 5.0, 7.5]


def test_a_new_rhythm_is_noticed_within_a_second_however_slow_the_old_one_was(simulate, output):
    ticker, output.enough = Ticker(), 2
    ticker.settings = TickerSettings(every=3600)

    async def run():
        import asyncio

        asyncio.get_running_loop().call_later(0.9, setattr, ticker, "settings", TickerSettings(every=1.5))
        await ticker.run(output)

    simulate(run())

    assert output.times == [0.0, 1.5]
