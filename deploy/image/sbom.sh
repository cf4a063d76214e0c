#!/bin/sh
# The software bill of materials: SPDX 2.3 in JSON, of every package that dpkg has installed and of
# backscribe itself, on standard output. deploy/Dockerfile writes it into the image; on a host:
#
#     sh sbom.sh > sbom.spdx.json
#
# Versions are dpkg's; the SHA-256 of each package's file is the one in apt's signed index, where the
# index is there and still has that version; licences are what the package's copyright file declares,
# where a machine can read it. Needs dpkg, sh and awk, as the smallest Debian has them.
set -eu
export LC_ALL=C

usage() {
    cat <<'END'
usage: sbom.sh [--program FILE] [--facts FILE] [--linked FILE]
       sbom.sh --print-facts [PACKAGE]...

  --program FILE  the worker (default: backscribe as found in PATH)
  --facts FILE    of the installed packages, from --print-facts; without it they are asked for now
  --linked FILE   the same of the packages whose libraries are inside the program
  --print-facts   a line a package, tab-separated: name, version, architecture, source, its version,
                  maintainer, home page, SHA-256, licence; "-" is unknown

SOURCE_DATE_EPOCH, in seconds since 1970, is the time that the document says it was made at.
END
}

# ---- facts -----------------------------------------------------------------------------------------

# licences_of PACKAGE...: a line a package whose copyright file a machine can read: name, and what its
# Files paragraphs declare, as one SPDX expression.
licences_of() {
    for package in "$@"; do
        shift
        [ ! -r "/usr/share/doc/$package/copyright" ] || set -- "$@" "/usr/share/doc/$package/copyright"
    done
    [ $# -gt 0 ] || return 0
    awk '
    # Debian short name -> SPDX identifier; one that SPDX does not have is a LicenseRef.
    function identifier(name,    known, family, number, later) {
        known = tolower(name)
        if (known in table) return table[known]
        if (known ~ /^(gpl|lgpl|agpl|gfdl)-[0-9](\.[0-9])?(\+|-or-later|-only)?$/) {
            family = known; sub(/-.*/, "", family)
            number = substr(known, length(family) + 2)
            later = number ~ /(\+|or-later)$/ ? "-or-later" : "-only"
            sub(/(\+|-or-later|-only)$/, "", number)
            if (number !~ /\./) number = number ".0"
            if (index(versions, " " family "-" number " ") > 0) return toupper(family) "-" number later
        }
        gsub(/[^A-Za-z0-9.+-]/, "-", name)
        gsub(/\+/, ".plus", name)
        return "LicenseRef-Debian-" name
    }
    # "GPL-2+ or Expat": names between "and" and "or". Anything else stays one name.
    function expression(text,    words, count, i, out) {
        gsub(/[ \t]+/, " ", text)
        sub(/^ /, "", text)
        sub(/ $/, "", text)
        count = split(text, words, " ")
        for (i = 1; i <= count; i++)
            if (i % 2 == 0 ? words[i] !~ /^(and|or|AND|OR)$/ : words[i] !~ /^[A-Za-z0-9.+-]+$/)
                return identifier(text)
        if (count % 2 == 0) return identifier(text)
        out = identifier(words[1])
        for (i = 2; i < count; i += 2) out = out " " toupper(words[i]) " " identifier(words[i + 1])
        return out
    }
    function paragraph_ends() {
        if (files != "" && files != "debian/*" && licence != "" && !(licence in seen)) {
            seen[licence] = 1
            order[++licences] = expression(licence)
        }
        files = licence = ""
    }
    BEGIN {
        versions = " gpl-1.0 gpl-2.0 gpl-3.0 lgpl-2.0 lgpl-2.1 lgpl-3.0 agpl-3.0 gfdl-1.1 gfdl-1.2 gfdl-1.3 "
        count = split("expat=MIT mit=MIT isc=ISC zlib=Zlib apache-2.0=Apache-2.0 apache-2=Apache-2.0 " \
            "bsd-2-clause=BSD-2-Clause bsd-3-clause=BSD-3-Clause bsd-4-clause=BSD-4-Clause " \
            "cc0-1.0=CC0-1.0 cc0=CC0-1.0 mpl-1.1=MPL-1.1 mpl-2.0=MPL-2.0 artistic=Artistic-1.0 " \
            "artistic-2.0=Artistic-2.0 curl=curl bsl-1.0=BSL-1.0 0bsd=0BSD openssl=OpenSSL " \
            "fsful=FSFUL fsfullr=FSFULLR x11=X11 beerware=Beerware", pairs, " ")
        for (i = 1; i <= count; i++) {
            split(pairs[i], pair, "=")
            table[pair[1]] = pair[2]
        }
    }
    function package_ends(    i, part, whole) {
        paragraph_ends()
        whole = ""
        for (i = 1; i <= licences; i++) {
            if (order[i] in told) continue
            told[order[i]] = 1
            part = order[i] ~ / / ? "(" order[i] ")" : order[i]
            whole = whole == "" ? part : whole " AND " part
        }
        if (whole != "") print package "\t" whole
        licences = 0
        split("", seen)
        split("", told)
    }
    FNR == 1 {
        package_ends()
        package = FILENAME
        sub(/^\/usr\/share\/doc\//, "", package)
        sub(/\/copyright$/, "", package)
        readable = $0 ~ /^Format:.*copyright-format/
    }
    !readable { next }
    /^[ \t]*$/ { paragraph_ends(); next }
    /^Files:/ { files = $0; sub(/^Files:[ \t]*/, "", files); if (files == "") files = "several" }
    /^License:/ { licence = $0; sub(/^License:[ \t]*/, "", licence) }
    END { package_ends() }' "$@"
}

# The index has other versions too: name, version, architecture, SHA-256.
hashes_in_the_index() {
    apt-cache show "$@" 2>/dev/null | awk '
        /^Package: / { name = $2 }
        /^Version: / { version = $2 }
        /^Architecture: / { architecture = $2 }
        /^SHA256: / { print name "\t" version "\t" architecture "\t" $2 }'
}

print_facts() {
    installed=$(dpkg-query -W -f '${db:Status-Status}\t${Package}\n' "$@" |
        awk '$1 == "installed" && !seen[$2]++ { print $2 }')
    [ -n "$installed" ] || { echo "sbom.sh: dpkg has nothing installed" >&2 && exit 1; }
    # shellcheck disable=SC2086 # a list of words
    {
        hashes_in_the_index $installed | sed 's/^/H\t/'
        licences_of $installed | sed 's/^/L\t/'
        dpkg-query -W -f 'P\t${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Maintainer}\t${Homepage}\n' \
            $installed
    } | awk -F '\t' '
        function known(text) { return text == "" ? "-" : text }
        $1 == "H" { hash[$2, $3, $4] = $5 }
        $1 == "L" { licence[$2] = $3 }
        $1 == "P" && $2 == "installed" {
            print $3 "\t" $4 "\t" $5 "\t" $6 "\t" $7 "\t" known($8) "\t" known($9) "\t" \
                known(hash[$3, $4, $5]) "\t" known(licence[$3])
        }' | sort
}

# ---- the document ----------------------------------------------------------------------------------

# Its input: lines of facts, "I" (installed) or "L" (linked) in front.
print_document() {
    awk -F '\t' -v program="$program" -v version="$version" -v digest="$digest" \
        -v created="$created" -v identity="$identity" -v distribution="$distribution" \
        -v release="$release" -v concluded="$concluded" '
    function quoted(text,    out, i, c) {
        out = ""
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            out = out (c == "\\" || c == "\"" ? "\\" c : c ~ /[[:cntrl:]]/ ? " " : c)
        }
        return "\"" out "\""
    }
    function in_a_link(text) {
        gsub(/%/, "%25", text); gsub(/\+/, "%2B", text); gsub(/:/, "%3A", text)
        return text
    }
    # "Name <mail>" -> SPDX; who is a person and who a team, dpkg does not know.
    function supplier(text,    name, mail) {
        if (text == "-") return "NOASSERTION"
        name = mail = text
        if (text ~ /<.*>/) {
            sub(/[ \t]*<.*/, "", name); sub(/.*</, "", mail); sub(/>.*/, "", mail)
        } else mail = ""
        gsub(/[()]/, " ", name); gsub(/"/, "", name)
        return "Organization: " name (mail == "" ? "" : " (" mail ")")
    }
    function note_references(licence,    words, count, i) {
        gsub(/[()]/, "", licence)
        count = split(licence, words, " ")
        for (i = 1; i <= count; i++)
            if (words[i] ~ /^LicenseRef-/ && !(words[i] in reference)) {
                reference[words[i]] = $2
                references[++reference_count] = words[i]
            }
    }
    function relation(from, how, to) {
        relations = relations sprintf("%s\n    {\"spdxElementId\": \"%s\", \"relationshipType\": \"%s\", \"relatedSpdxElement\": \"%s\"}",
            relations == "" ? "" : ",", from, how, to)
    }
    BEGIN {
        print "{"
        print "  \"spdxVersion\": \"SPDX-2.3\","
        print "  \"dataLicense\": \"CC0-1.0\","
        print "  \"SPDXID\": \"SPDXRef-DOCUMENT\","
        print "  \"name\": \"backscribe-" version "\","
        print "  \"documentNamespace\": \"https://spdx.org/spdxdocs/backscribe-" version "-" identity "\","
        print "  \"creationInfo\": {\"created\": \"" created "\", \"creators\": [\"Tool: backscribe-sbom.sh-" version "\"]},"
        print "  \"packages\": ["
        print "    {\"SPDXID\": \"SPDXRef-backscribe\", \"name\": \"backscribe\", \"versionInfo\": \"" version "\","
        print "     \"primaryPackagePurpose\": \"APPLICATION\", \"supplier\": \"NOASSERTION\","
        print "     \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false, \"packageFileName\": " quoted(program) ","
        print "     \"checksums\": [{\"algorithm\": \"SHA256\", \"checksumValue\": \"" digest "\"}],"
        print "     \"licenseConcluded\": " quoted(concluded) ", \"licenseDeclared\": \"Apache-2.0\", \"copyrightText\": \"NOASSERTION\"},"
        print "    {\"SPDXID\": \"SPDXRef-system\", \"name\": " quoted(distribution) ", \"versionInfo\": " quoted(release) ","
        print "     \"primaryPackagePurpose\": \"OPERATING-SYSTEM\", \"supplier\": \"NOASSERTION\","
        print "     \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false,"
        printf "     \"licenseConcluded\": \"NOASSERTION\", \"licenseDeclared\": \"NOASSERTION\", \"copyrightText\": \"NOASSERTION\"}"
        relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-backscribe")
        relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-system")
        relation("SPDXRef-backscribe", "DEPENDS_ON", "SPDXRef-system")
    }
    {
        id = "SPDXRef-" ($1 == "L" ? "linked-" : "deb-") $2 "-" $4
        gsub(/\+/, ".plus", id)
        licence = $10 == "-" || $10 == "" ? "NOASSERTION" : $10
        note_references(licence)
        printf ",\n    {\"SPDXID\": \"%s\", \"name\": %s, \"versionInfo\": %s,\n", id, quoted($2), quoted($3)
        printf "     \"supplier\": %s, \"sourceInfo\": %s,\n", quoted(supplier($7)), quoted("built from the source package " $5 " " $6)
        if ($8 ~ /^https?:\/\/[^ ]+$/) printf "     \"homepage\": %s,\n", quoted($8)
        if ($9 != "-") printf "     \"checksums\": [{\"algorithm\": \"SHA256\", \"checksumValue\": \"%s\"}],\n", $9
        print "     \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false,"
        printf "     \"externalRefs\": [{\"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\",\n"
        printf "       \"referenceLocator\": \"pkg:deb/%s/%s@%s?arch=%s&distro=%s-%s\"}],\n",
            distribution, in_a_link($2), in_a_link($3), $4, distribution, release
        printf "     \"licenseConcluded\": \"NOASSERTION\", \"licenseDeclared\": %s, \"copyrightText\": \"NOASSERTION\"}", quoted(licence)
        if ($1 == "L") relation("SPDXRef-backscribe", "STATIC_LINK", id)
        else relation("SPDXRef-system", "CONTAINS", id)
    }
    END {
        printf "\n  ],\n  \"hasExtractedLicensingInfos\": ["
        for (i = 1; i <= reference_count; i++) {
            name = references[i]; sub(/^LicenseRef-Debian-/, "", name)
            printf "%s\n    {\"licenseId\": \"%s\", \"name\": \"%s\", \"extractedText\": \"As /usr/share/doc/%s/copyright has it\"}",
                i == 1 ? "" : ",", references[i], name, reference[references[i]]
        }
        print "\n  ],\n  \"relationships\": [" relations "\n  ]\n}"
    }'
}

program=
facts=
linked=
while [ $# -gt 0 ]; do
    case "$1" in
    --print-facts) shift && print_facts "$@" && exit 0 ;;
    --program | --facts | --linked)
        [ $# -ge 2 ] || { usage >&2 && exit 2; }
        case "$1" in --program) program=$2 ;; --facts) facts=$2 ;; --linked) linked=$2 ;; esac
        shift 2
        ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done

program=${program:-$(command -v backscribe)} || {
    echo "sbom.sh: no backscribe in PATH: name it with --program" >&2
    exit 1
}
version=$("$program" --version | awk 'NR == 1 { print $2 }')
digest=$(sha256sum "$program" | cut -d ' ' -f 1)
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)
distribution=$(. /etc/os-release && echo "${ID:-linux}")
release=$(. /etc/os-release && echo "${VERSION_ID:-unstable}")
lines=$(
    if [ -n "$facts" ]; then cat "$facts"; else print_facts; fi | sed 's/^/I\t/'
    [ -z "$linked" ] || sed 's/^/L\t/' "$linked"
)
# Whoever passes the program on passes on what is linked into it, on both terms.
concluded=NOASSERTION
if [ -n "$linked" ]; then
    concluded=$(cut -f 9 "$linked" | sort -u | awk '
        BEGIN { printf "Apache-2.0" }
        $0 != "-" { printf " AND %s", / / ? "(" $0 ")" : $0 }')
fi
# The same contents have the same name.
identity=$(printf '%s\n%s\n' "$digest" "$lines" | sha256sum | cut -c 1-32)
printf '%s\n' "$lines" | print_document
