#include "connection.hpp"

#include <libpq-fe.h>

#include <stdexcept>

namespace consistency {
namespace {

void read_rows(const PGresult* result, Reply* reply) {
    const int columns = PQnfields(result);
    for (int r = 0; r < PQntuples(result); ++r) {
        std::vector<Field> row;
        for (int c = 0; c < columns; ++c) {
            row.push_back(PQgetisnull(result, r, c) != 0 ? Field{}
                                                         : Field{PQgetvalue(result, r, c)});
        }
        reply->rows.push_back(std::move(row));
    }
}

void read_error(const PGresult* result, Reply* reply) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    reply->ok = false;
    reply->state = state != nullptr ? state : "";
    reply->message = PQresultErrorMessage(result);
    while (!reply->message.empty() && reply->message.back() == '\n') reply->message.pop_back();
}

}  // namespace

Connection::Connection(const std::string& conninfo) : conn_(PQconnectdb(conninfo.c_str())) {
    if (PQstatus(conn_) != CONNECTION_OK) {
        const std::string message = PQerrorMessage(conn_);
        PQfinish(conn_);
        throw std::runtime_error(message);
    }
    PQsetNoticeProcessor(
        conn_, [](void*, const char*) {}, nullptr);
}

Connection::~Connection() {
    PQfinish(conn_);
}

Reply Connection::execute(const std::string& sql, const std::string& copy_data) {
    Reply reply;
    reply.ok = true;
    if (PQsendQuery(conn_, sql.c_str()) == 0) {
        reply.ok = false;
        reply.message = PQerrorMessage(conn_);
        return reply;
    }
    while (PGresult* result = PQgetResult(conn_)) {
        switch (PQresultStatus(result)) {
            case PGRES_TUPLES_OK:
                read_rows(result, &reply);
                [[fallthrough]];
            case PGRES_COMMAND_OK:
                if (reply.ok) reply.message = PQcmdStatus(result);
                break;
            case PGRES_COPY_IN:
                PQputCopyData(conn_, copy_data.data(), static_cast<int>(copy_data.size()));
                PQputCopyEnd(conn_, nullptr);
                break;
            case PGRES_EMPTY_QUERY:
                break;
            default:
                read_error(result, &reply);
                break;
        }
        PQclear(result);
    }
    if (PQstatus(conn_) != CONNECTION_OK) {
        reply.ok = false;
        reply.state.clear();
        if (reply.message.empty()) reply.message = PQerrorMessage(conn_);
    }
    return reply;
}

Reply Connection::must(const std::string& sql) {
    Reply reply = execute(sql);
    if (!reply.ok) throw std::runtime_error(reply.message + "\nin: " + sql);
    return reply;
}

bool Connection::in_transaction() const {
    return PQtransactionStatus(conn_) != PQTRANS_IDLE;
}

int Connection::major() const {
    return PQserverVersion(conn_) / 10000;
}

int Connection::server_pid() const {
    return PQbackendPID(conn_);
}

}  // namespace consistency
