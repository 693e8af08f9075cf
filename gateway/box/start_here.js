(function () {
  "use strict";
  // As old browsers know it, opened from the card (file:). Nothing is sent anywhere.
  function by(id) { return document.getElementById(id); }
  function bytes(text) { return unescape(encodeURIComponent(text)).length; }
  function save(name, text) {
    try {
      var blob = new Blob([text], { type: "application/octet-stream" });
      if (navigator.msSaveOrOpenBlob) { navigator.msSaveOrOpenBlob(blob, name); return; }
      var link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = name;
      document.body.appendChild(link);
      link.click();
      document.body.removeChild(link);
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 60000);
    } catch (error) { /* The lines are on the page, to be copied. */ }
  }
  function fault(name, password, open) {
    if (!name) return "Le nom du réseau manque. · The network’s name is missing.";
    if (bytes(name) > 32) return "Le nom du réseau est trop long. · The network’s name is too long.";
    if (open) return password ? "Le réseau a-t-il un mot de passe, ou non ? · Has the network a password, or not?" : "";
    if (!password) return "Le mot de passe manque. · The password is missing.";
    if (/^[0-9A-Fa-f]{64}$/.test(password)) return "";
    if (bytes(password) < 8 || bytes(password) > 63) return "Le mot de passe a 8 à 63 caractères. · The password has 8 to 63 characters.";
    return "";
  }
  by("wifi").hidden = false;
  by("show").onclick = function () { by("password").type = this.checked ? "text" : "password"; };
  by("wifi").onsubmit = function () {
    var name = by("name").value, password = by("password").value, open = by("open").checked;
    var said = fault(name, password, open);
    by("wrong").textContent = said;
    by("wrong").hidden = !said;
    if (said) { by("saved").hidden = true; return false; }
    var lines = ['nom = "' + name + '"'];
    lines.push(open ? "ouvert = oui" : 'mot de passe = "' + password + '"');
    lines.push("pays = " + by("country").value);
    if (by("hidden").checked) lines.push("caché = oui");
    by("lines").textContent = lines.join("\n");
    by("saved").hidden = false;
    save("wifi.txt", "\ufeff" + lines.join("\r\n") + "\r\n");
    return false;
  };
  var random = window.crypto || window.msCrypto;
  if (random && random.getRandomValues) {
    by("lost").hidden = false;
    by("recover").onclick = function () {
      var drawn = new Uint8Array(64), digits = "";
      while (digits.length < 8) {
        random.getRandomValues(drawn);
        for (var at = 0; at < drawn.length && digits.length < 8; at++) {
          if (drawn[at] < 250) digits += drawn[at] % 10; // 250: each digit as often as the others
        }
      }
      by("digits").textContent = digits.slice(0, 4) + " " + digits.slice(4);
      save("releve-recover", digits + "\n");
    };
  }
})();
