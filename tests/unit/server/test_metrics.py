from crosslate.server.metrics import RequestMetrics, counter, exposition, gauge


def test_exposition():
    text = exposition(
        [
            counter("a_total", "Things.", 3),
            gauge("b_bytes", "Sizes.", {(("model", 'x"y\\z\n'),): 1.5, (("model", "w"),): 2.0}),
            gauge("c", "None.", {}),
        ]
    )
    assert text == (
        "# HELP a_total Things.\n# TYPE a_total counter\na_total 3\n"
        "# HELP b_bytes Sizes.\n# TYPE b_bytes gauge\n"
        'b_bytes{model="x\\"y\\\\z\\n"} 1.5\nb_bytes{model="w"} 2\n'
        "# HELP c None.\n# TYPE c gauge\n"
    )


def test_requests():
    metrics = RequestMetrics()
    metrics.begin("/translate")
    metrics.begin("/translate")
    metrics.end("/translate", 200, 0.25)
    text = exposition(metrics.collect())
    assert 'duration_seconds_count{endpoint="/translate",status="200"} 1\n' in text
    assert 'duration_seconds_sum{endpoint="/translate",status="200"} 0.25\n' in text
    assert 'in_flight{endpoint="/translate"} 1\n' in text
