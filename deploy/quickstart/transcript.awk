# Results as JSON lines -> each recording's name, its text, and each word with its times.

# The string value of a key, from where it stands first.
function text_of(json, name,    found) {
    if (!match(json, "\"" name "\":[ ]*\"[^\"]*\"")) {
        return ""
    }
    found = substr(json, RSTART, RLENGTH)
    sub(/^"[^"]*":[ ]*"/, "", found)
    sub(/"$/, "", found)
    return found
}

# "1.159999992s" -> 1.16
function seconds(duration) {
    return sprintf("%.2f", duration + 0)
}

# Words are the objects that have both times and a word; each stands in braces of its own.
function show_words(json,    parts, count, i, line) {
    count = split(json, parts, "{")
    line = "     "
    for (i = 1; i <= count; i++) {
        if (parts[i] ~ /"startTime"/ && parts[i] ~ /"word"/) {
            line = line " " text_of(parts[i], "word") "[" seconds(text_of(parts[i], "startTime")) \
                "-" seconds(text_of(parts[i], "endTime")) "]"
        }
    }
    print line
}

{
    printf "\n   %s: \"%s\"\n", text_of($0, "id"), text_of($0, "text")
    show_words($0)
}
