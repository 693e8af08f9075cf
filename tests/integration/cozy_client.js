// Cozy's own cozy-stack-client asks a Cozy all that a device asks. `node cozy_client.js MODULES ADDRESS` prints what it saw, as JSON.
const crypto = require("crypto");
const path = require("path");

const [modules, uri] = process.argv.slice(2);
const fetch = require(path.join(modules, "node-fetch"));
global.fetch = fetch;
global.btoa = (text) => Buffer.from(text, "binary").toString("base64");
console.log = console.warn = console.info = () => {}; // the client's own talk: only the last line is ours
const { OAuthClient } = require(path.join(modules, "cozy-stack-client"));

const doctype = "com.grandlyon.enedis.day";
const day = (number, load) => ({ load, year: 2026, month: 11, day: number, hour: 0, minute: 0 });

function client() {
    const oauth = {
        redirectURI: "http://releve.local:8080/back?of=cozy",
        softwareID: "github.com/releve/crosscheck",
        clientName: "Crosscheck",
        clientKind: "desktop",
        softwareVersion: "1",
        shouldRequireFlagshipPermissions: false,
    };
    return new OAuthClient({ uri, scope: ["com.grandlyon.enedis.*"], oauth });
}

async function failure(promise) {
    try {
        await promise;
        return "none";
    } catch (error) {
        return [error.status === undefined ? null : error.status, String(error.message).slice(0, 200)];
    }
}

async function letIn(one, scopes) {
    const state = one.generateStateCode();
    const verifier = crypto.randomBytes(32).toString("base64url");
    const codeChallenge = crypto.createHash("sha256").update(verifier).digest("base64url");
    const address = new URL(one.getAuthCodeURL({ stateCode: state, scopes, codeChallenge }));
    const page = await (await fetch(address)).text();
    const yes = { method: "POST", body: address.searchParams, redirect: "manual" };
    const back = (await fetch(uri + "/auth/authorize", yes)).headers.get("location");
    return { verifier, button: page.includes('id="allow"'), code: one.getAccessCodeFromURL(back.replace(/#$/, ""), state) };
}

async function main() {
    const saw = {};
    const one = client();
    await one.register();
    const second = client();
    await second.register();
    saw.names = [one.oauthOptions.clientName, (await second.fetchInformation()).client_name];
    await second.unregister();

    const { verifier, button, code } = await letIn(one, ["com.grandlyon.enedis.*"]);
    saw.button = button;
    saw.wrongVerifier = await failure(one.fetchAccessToken(code, undefined, undefined, "x".repeat(43)));
    const token = await one.fetchAccessToken(code, undefined, undefined, verifier);
    one.setToken(token);
    saw.token = [token.tokenType, token.scope, Boolean(token.accessToken), Boolean(token.refreshToken)];
    saw.codeTwice = await failure(one.fetchAccessToken(code, undefined, undefined, verifier));

    const days = one.collection(doctype);
    const made = (await days.create(day(21, 12.3))).data;
    const fixed = (await days.create({ _id: "fixed", ...day(18, 1.5) })).data;
    saw.made = [made.load, made._type, made._rev.startsWith("1-"), fixed._id];
    const updated = (await days.update({ ...made, load: 13 })).data;
    saw.updated = [updated.load, updated._rev.startsWith("2-")];
    saw.stale = await failure(days.update({ ...made, load: 14 }));
    const batch = await days.updateAll([
        { _id: "batch-20", _type: doctype, ...day(20, 1) },
        { ...made, load: 15 },
        day(19, 2),
    ]);
    saw.batch = batch.map((each) => (each.ok ? "ok" : each.error));
    saw.several = (await days.getAll(["fixed", "not-there", "batch-20"])).data.map((each) => each._id);

    const asked = { indexedFields: ["year", "month", "day"], sort: [{ year: "desc" }, { month: "desc" }, { day: "desc" }] };
    const found = await days.find({ year: 2026, month: 11 }, { ...asked, limit: 3 });
    saw.found = [found.data.map((each) => [each.day, each.load]), found.next];
    const rest = await days.find({ year: 2026, month: 11 }, { ...asked, limit: 3, bookmark: found.bookmark });
    saw.rest = [rest.data.map((each) => [each.day, each.load]), rest.next];

    const all = await days.all();
    saw.all = [all.data.length, all.meta.count];
    const changes = await days.fetchChanges({ since: "0" });
    saw.changes = [typeof changes.newLastSeq, changes.documents.length];
    await days.destroy(fixed);
    saw.gone = (await days.getAll(["fixed"])).data.length;

    const before = one.token.accessToken;
    await fetch(uri + "/double/expire", { method: "POST" });
    saw.afterExpiry = [(await days.all()).data.length, one.token.accessToken !== before, Boolean(one.token.refreshToken)];
    saw.outside = await failure(one.collection("io.cozy.bank.accounts").all());
    const rights = await one.collection("io.cozy.permissions").getOwnPermissions();
    saw.rights = rights.data.attributes.permissions;

    const last = one.token.accessToken;
    await one.unregister();
    const refused = await fetch(`${uri}/data/${doctype}/_normal_docs`, { headers: { Authorization: `Bearer ${last}` } });
    saw.revoked = [refused.status, refused.headers.get("www-authenticate"), (await refused.json()).error];
    process.stdout.write(JSON.stringify(saw));
}

main().then(
    () => process.exit(0),
    (error) => {
        process.stderr.write(String(error.stack || error));
        process.exit(1);
    },
);
