from tests.integration.lane import body_of, FIRST
def test_good(lane):
    lane.send(body_of())
    lane.settle()
    assert lane.stored() == [("device-vibrations","hertz","",FIRST*10**9,12.5,lane.stored()[0].publisher)]
    assert lane.refused() == []
    print(lane.stored())
