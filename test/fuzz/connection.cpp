#include "connection.hpp"

#include <libpq-fe.h>

namespace fuzz {
namespace {

void hear(void* to, const PGresult* result) {
    auto* heard = static_cast<std::string*>(to);
    for (const int field :
         {PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT, PG_DIAG_CONTEXT,
          PG_DIAG_INTERNAL_QUERY, PG_DIAG_CONSTRAINT_NAME, PG_DIAG_COLUMN_NAME}) {
        if (const char* text = PQresultErrorField(result, field)) {
            *heard += text;
            *heard += '\n';
        }
    }
}

std::string field(const PGresult* result, int which) {
    const char* text = PQresultErrorField(result, which);
    return text != nullptr ? text : "";
}

void read_rows(const PGresult* result, Reply* reply) {
    reply->rows.clear();
    for (int r = 0; r < PQntuples(result); ++r) {
        std::vector<std::string> row;
        for (int c = 0; c < PQnfields(result); ++c) {
            row.emplace_back(PQgetvalue(result, r, c));
            reply->heard += row.back();
            reply->heard += '\n';
        }
        reply->rows.push_back(std::move(row));
    }
}

}  // namespace

Connection::Connection(const std::string& conninfo) : conn_(PQconnectdb(conninfo.c_str())) {
    PQsetNoticeReceiver(conn_, hear, &notices_);
}

Connection::~Connection() {
    PQfinish(conn_);
}

bool Connection::ok() const {
    return PQstatus(conn_) == CONNECTION_OK;
}

std::string Connection::error() const {
    return PQerrorMessage(conn_);
}

bool Connection::in_transaction() const {
    return PQtransactionStatus(conn_) != PQTRANS_IDLE;
}

Reply Connection::execute(const std::string& sql) {
    Reply reply;
    reply.ok = true;
    notices_.clear();
    if (PQsendQuery(conn_, sql.c_str()) == 0) {
        reply.ok = false;
        reply.message = PQerrorMessage(conn_);
    }
    while (PGresult* result = PQgetResult(conn_)) {
        switch (PQresultStatus(result)) {
            case PGRES_TUPLES_OK:
            case PGRES_COMMAND_OK:
            case PGRES_EMPTY_QUERY:
                read_rows(result, &reply);
                break;
            case PGRES_COPY_IN:
                PQputCopyEnd(conn_, nullptr);
                break;
            case PGRES_COPY_OUT: {
                char* line = nullptr;
                while (PQgetCopyData(conn_, &line, 0) > 0) {
                    reply.heard += line;
                    PQfreemem(line);
                }
                break;
            }
            default:
                hear(&reply.heard, result);
                if (reply.ok || reply.state.empty()) {
                    reply.state = field(result, PG_DIAG_SQLSTATE);
                    reply.source = field(result, PG_DIAG_SOURCE_FILE) + " " +
                                   field(result, PG_DIAG_SOURCE_FUNCTION);
                    reply.message = PQresultErrorMessage(result);
                }
                reply.ok = false;
                break;
        }
        PQclear(result);
    }
    reply.heard += notices_;
    if (!ok()) {
        reply.ok = false;
        reply.lost = true;
        if (reply.message.empty()) reply.message = PQerrorMessage(conn_);
    }
    return reply;
}

}  // namespace fuzz
