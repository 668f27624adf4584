"""The Python client of GitLab's API against the sandbox's GitLab server."""

import os
import time

import gitlab

import sandbox_control

URL = os.environ["SANDBOX_GITLAB"]
TOKEN = os.environ["GITLAB_TOKEN"]
# The server has controls of its own.
os.environ["SANDBOX_CONTROL"] = URL + "/sandbox"
control = sandbox_control.control


def project(token=TOKEN, **options):
    client = gitlab.Gitlab(URL, private_token=token, timeout=10, retry_transient_errors=False, **options)
    return client.projects.get("group/site")


def expect(status, words, action):
    try:
        action()
    except gitlab.exceptions.GitlabError as error:
        assert error.response_code == status, f"{error.response_code} is not {status}: {error}"
        assert words in str(error), f"{error} does not say {words}"
        return
    raise AssertionError("nothing was raised")


def job(site, tag, name="deploy_live"):
    pipeline = site.pipelines.list(ref=tag, order_by="id", sort="desc", per_page=1, get_all=False)[0]
    found = [one for one in pipeline.jobs.list(get_all=True) if one.name == name]
    assert len(found) == 1, "a job that was run again is not listed beside its successor"
    return site.jobs.get(found[0].id)


def until(site, number, status):
    for _ in range(100):
        found = site.jobs.get(number)
        if found.status == status:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{found.status} does not become {status}")


def tokens_are_known_and_projects_found():
    client = gitlab.Gitlab(URL, private_token=TOKEN)
    client.auth()
    assert client.user.username == "vendors"
    assert client.projects.get("group/site").id == client.projects.get(1).id
    assert client.projects.get(1).permissions["project_access"]["access_level"] == gitlab.const.MAINTAINER_ACCESS
    expect(404, "404 Project Not Found", lambda: client.projects.get("group/other"))
    expect(401, "401 Unauthorized", lambda: project("glpat-nobody"))


def variables_are_read_by_scope():
    variables = project().variables
    assert [one.environment_scope for one in variables.list(get_all=True)] == ["live", "staging", "*"]
    live = variables.get("HOME_URL", filter={"environment_scope": "live"})
    assert (live.value, live.variable_type, live.description) == ("https://one.test", "env_var", "where users go")
    hidden = variables.get("PASSWORD")
    assert hidden.value is None and hidden.hidden and hidden.masked and hidden.protected
    expect(409, "There are multiple variables", lambda: variables.get("HOME_URL"))
    expect(404, "404 Variable Not Found", lambda: variables.get("HOME_URL", filter={"environment_scope": "qa"}))


def a_variable_keeps_what_is_not_named():
    variables = project().variables
    scope = {"environment_scope": "live"}
    variables.update("HOME_URL", {"masked": True, "protected": True}, filter=scope)
    changed = variables.update("HOME_URL", {"value": "https://two.test"}, filter=scope)
    assert changed["value"] == "https://two.test" and changed["masked"] and changed["protected"]
    assert changed["description"] == "where users go"
    other = variables.get("HOME_URL", filter={"environment_scope": "staging"})
    assert other.value == "https://staging.one.test"


def masking_has_its_rules():
    variables = project().variables
    make = lambda value, **more: variables.create({"key": "SECRET", "value": value, "masked": True, **more})
    for value in ["short", "with a space", "dollar$sign", "two\nlines"]:
        expect(400, "is invalid", lambda value=value: make(value))
    assert make("dollar$sign", raw=True).masked
    expect(400, "has already been taken", lambda: make("another-value"))
    hidden = variables.create({"key": "HIDDEN", "value": "hunter2-hunter2", "masked_and_hidden": True})
    assert hidden.hidden and hidden.value is None
    expect(400, "masked", lambda: variables.update("HIDDEN", {"masked": False}))
    variables.delete("SECRET")
    expect(404, "404 Variable Not Found", lambda: variables.get("SECRET"))


def lists_have_pages():
    site = project()
    for number in range(45):
        site.variables.create({"key": f"MANY_{number}", "value": "x"})
    assert len(site.variables.list(get_all=True)) == 48
    page = site.variables.list(iterator=True, per_page=20)
    assert (page.total, page.total_pages, page.next_page) == (48, 3, 2)
    assert len(list(page)) == 48


def tags_and_pipelines_are_found():
    site = project()
    assert [one.name for one in site.tags.list(get_all=True)] == ["v3.0", "v2.0", "v1.1", "v1.0"]
    assert [one.name for one in site.tags.list(search="^v1", get_all=True)] == ["v1.1", "v1.0"]
    assert site.tags.get("v2.0").commit["id"] == site.pipelines.list(ref="v2.0", get_all=True)[0].sha
    assert site.pipelines.list(ref="v3.0", get_all=True) == []
    expect(404, "404 Tag Not Found", lambda: site.tags.get("v9"))


def a_manual_job_is_played_and_deploys():
    site = project()
    waiting = job(site, "v2.0")
    assert waiting.status == "manual"
    waiting.play()
    assert site.jobs.get(waiting.id).status == "pending"
    expect(400, "Unplayable Job", waiting.play)
    running = site.deployments.list(environment="live", status="created", get_all=True)
    assert waiting.id in [one.deployable["id"] for one in running]
    done = until(site, waiting.id, "success")
    assert done.started_at and done.finished_at and b"Deploying" in done.trace()
    query = {"environment": "live", "status": "success", "order_by": "finished_at", "sort": "desc"}
    latest = site.deployments.list(finished_after="2000-01-01T00:00:00Z", per_page=1, get_all=False, **query)[0]
    assert (latest.ref, latest.deployable["id"]) == ("v2.0", waiting.id)
    expect(400, "must be paired", lambda: site.deployments.list(get_all=True, **query))
    environment = site.environments.list(name="live", get_all=True)[0]
    assert site.environments.get(environment.id).last_deployment["ref"] == "v2.0"


def a_job_that_has_run_is_run_again_as_another():
    site = project()
    control("/script", {"job": "deploy_live", "ends": "failed", "takes_ms": 50})
    first = job(site, "v2.0")
    first.play()
    failed = until(site, first.id, "failed")
    assert failed.failure_reason == "script_failure"
    again = failed.retry()
    assert again["id"] != first.id and again["name"] == "deploy_live"
    expect(403, "Job is not retryable", failed.retry)
    assert until(site, again["id"], "failed")
    # Playing it does the same.
    site.jobs.get(again["id"]).play()
    assert job(site, "v2.0").id not in (first.id, again["id"])


def a_job_under_way_is_cancelled():
    site = project()
    control("/script", {"job": "deploy_live", "ends": "hangs"})
    hanging = job(site, "v2.0")
    hanging.play()
    until(site, hanging.id, "running")
    assert [one.status for one in site.deployments.list(environment="live", status="running", get_all=True)] == ["running"]
    hanging.cancel()
    assert until(site, hanging.id, "canceled")
    expect(400, "valid", lambda: site.deployments.list(status="nonsense", get_all=True))


def a_program_reports_deployments_of_its_own():
    site = project()
    fields = {"environment": "qa", "sha": "0" * 40, "ref": "main", "tag": False, "status": "running"}
    reported = site.deployments.create(fields)
    reported.status = "success"
    reported.save()
    assert site.deployments.get(reported.id).status == "success"


def freeze_periods_come_and_go():
    # The client has no class for them, only its way to the API.
    api, path = project().manager.gitlab, "/projects/1/freeze_periods"
    made = api.http_post(path, post_data={"freeze_start": "0 23 * * 5", "freeze_end": "0 7 * * 1"})
    assert made["cron_timezone"] == "UTC"
    own = f"{path}/{made['id']}"
    assert api.http_put(own, post_data={"freeze_end": "0 8 * * 1"})["freeze_start"] == "0 23 * * 5"
    assert [one["freeze_end"] for one in api.http_list(path, get_all=True)] == ["0 8 * * 1"]
    wrong = {"freeze_start": "nonsense", "freeze_end": "0 7 * * 1"}
    expect(400, "freeze_start", lambda: api.http_post(path, post_data=wrong))
    api.http_delete(own)
    expect(404, "404 Not found", lambda: api.http_delete(own))
    assert api.http_list(path, get_all=True) == []


def schedules_are_their_owners():
    site = project()
    nightly, weekly = site.pipelineschedules.list(get_all=True)
    nightly.active = False
    nightly.save()
    assert [one.description for one in site.pipelineschedules.list(scope="active", get_all=True)] == ["weekly"]
    weekly.active = False
    expect(403, "403 Forbidden", weekly.save)
    weekly.take_ownership()
    weekly.save()
    assert site.pipelineschedules.get(weekly.id).owner["username"] == "vendors"


def scopes_and_roles_are_kept_to():
    reader = project("glpat-vendors-reader-00000000")
    scope = {"environment_scope": "live"}
    expect(403, "insufficient_scope", lambda: reader.variables.update("HOME_URL", {"value": "x"}, filter=scope))
    expect(403, "insufficient_scope", lambda: reader.jobs.get(job(reader, "v2.0").id).play())
    reporter = project("glpat-vendors-reporter-000000")
    expect(403, "403 Forbidden", lambda: reporter.variables.list(get_all=True))
    expect(403, "403 Forbidden", lambda: job(reporter, "v2.0").play())
    period = {"freeze_start": "0 1 * * *", "freeze_end": "0 2 * * *"}
    expect(403, "403 Forbidden", lambda: reporter.manager.gitlab.http_post("/projects/1/freeze_periods", post_data=period))


def the_limit_is_waited_out_and_errors_have_their_status():
    site = project()
    control("/faults", {"kind": "rate-limited", "retry_after": 1, "times": 1})
    started = time.monotonic()
    site.tags.list(get_all=True)
    assert time.monotonic() - started >= 0.9, "retry-after was not waited for"
    control("/faults", {"kind": "status", "status": 502, "times": 1})
    expect(502, "502", lambda: site.tags.list(get_all=True))


sandbox_control.run([
    tokens_are_known_and_projects_found,
    variables_are_read_by_scope,
    a_variable_keeps_what_is_not_named,
    masking_has_its_rules,
    lists_have_pages,
    tags_and_pipelines_are_found,
    a_manual_job_is_played_and_deploys,
    a_job_that_has_run_is_run_again_as_another,
    a_job_under_way_is_cancelled,
    a_program_reports_deployments_of_its_own,
    freeze_periods_come_and_go,
    schedules_are_their_owners,
    scopes_and_roles_are_kept_to,
    the_limit_is_waited_out_and_errors_have_their_status,
])
