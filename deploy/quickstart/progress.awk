# The stand-in's log, line by line -> what a person wants to see of it.

function field(name,    found) {
    if (!match($0, "\"" name "\":\"[^\"]*\"")) {
        return ""
    }
    found = substr($0, RSTART, RLENGTH)
    sub(/^"[^"]*":"/, "", found)
    sub(/"$/, "", found)
    return found
}

/"event":"(submission|check)"/ {
    name = field("uri")
    sub(/.*\//, "", name)
    if (/"event":"submission"/) {
        submitted++
        printf "   submitted  %-18s %s\n", name, field("operation")
    } else if (field("outcome") == "done" || field("outcome") == "failed") {
        ended++
        printf "   %-9s  %-18s (%d of %d)\n", field("outcome"), name, ended, submitted
    }
    fflush()
}
