// Cozy's older cozy-client-js does the same by code of its own. `node cozy_client_old.js MODULES ADDRESS` prints what it saw, as JSON.
const path = require("path");

const [modules, uri] = process.argv.slice(2);
const fetch = require(path.join(modules, "node-fetch"));
global.fetch = fetch;
console.log = console.warn = console.info = () => {};
const { Client, MemoryStorage } = require(path.join(modules, "cozy-client-js"));

const doctype = "com.grandlyon.egl.day";

async function allow(client, address) {
    const asked = new URL(address).searchParams;
    const answer = await fetch(uri + "/auth/authorize", { method: "POST", body: asked, redirect: "manual" });
    return answer.headers.get("location").replace(/#$/, "");
}

async function main() {
    const saw = {};
    const clientParams = {
        redirectURI: "http://releve.local:8080/back",
        softwareID: "github.com/releve/crosscheck",
        clientName: "Crosscheck",
        scopes: ["com.grandlyon.egl.*", "io.cozy.files"],
    };
    const oauth = { storage: new MemoryStorage(), clientParams, onRegistered: allow };
    const one = new Client({ cozyURL: uri, oauth });
    const credentials = await one.authorize();
    saw.scope = credentials.token.scope;

    const litres = { load: 120, year: 2026, month: 11, day: 21, hour: 0, minute: 0 };
    const made = await one.data.create(doctype, litres);
    saw.made = [made.load, made._rev.startsWith("1-")];
    const changed = await one.data.update(doctype, made, { ...litres, load: 121 });
    saw.changed = [changed.load, changed._rev.startsWith("2-")];
    const index = await one.data.defineIndex(doctype, ["year", "month", "day"]);
    const found = await one.data.query(index, { selector: { year: 2026, month: 11, day: { $gt: 1 } } });
    saw.found = found.map((each) => each.load);
    saw.all = (await one.data.findAll(doctype)).length;
    await one.data.delete(doctype, changed);
    saw.left = (await one.data.findAll(doctype)).length;

    const folder = await one.files.createDirectory({ name: "Relevé" });
    const file = await one.files.create("sealed", { name: "a.age", dirID: folder._id, contentType: "application/octet-stream" });
    const there = await one.files.statByPath("/Relevé/a.age");
    saw.file = [file.attributes.size, there.attributes.md5sum, there._id === file._id];
    saw.content = await (await one.files.downloadByPath("/Relevé/a.age")).text();
    await one.files.trashById(file._id);
    await one.files.destroyById(file._id);
    saw.destroyed = await one.files.statByPath("/Relevé/a.age").then(
        () => "there",
        (error) => error.status,
    );
    process.stdout.write(JSON.stringify(saw));
}

main().then(
    () => process.exit(0),
    (error) => {
        process.stderr.write(String(error.stack || error));
        process.exit(1);
    },
);
