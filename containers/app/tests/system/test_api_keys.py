"""API keys through nginx, on a stack of several processes: none of them remembers anything of a key."""

#: Enough for every process to be asked.
REQUESTS = 20


def test_a_key_reads_its_experiment_until_it_is_revoked_whichever_process_answers(as_user, scientist, experiment_id):
    about = {"label": "at the edge", "experiment_id": experiment_id, "days": 1}
    made = scientist("POST", "/users/S001/keys", json=about)
    assert made.status_code == 201
    nobody = as_user(None)

    def statuses(path):
        headers = {"Authorization": f"Bearer {made.json()['key']}"}
        return {nobody("GET", path, headers=headers).status_code for _ in range(REQUESTS)}

    assert statuses(f"/measures/{experiment_id}?limit=1") == {200}
    assert statuses("/users/me") == {403}

    assert scientist("DELETE", f"/users/S001/keys/{made.json()['key_id']}").status_code == 204

    assert statuses("/users/me") == {401}, "already the next request is refused"
    assert statuses(f"/measures/{experiment_id}?limit=1") == {401}
