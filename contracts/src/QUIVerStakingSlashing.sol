// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IQUIVToken} from "./interfaces/IQUIVToken.sol";
import {IQUIVerStaking} from "./interfaces/IQUIVerStaking.sol";
import {QUIVerStakingBase} from "./QUIVerStakingBase.sol";
import {RewardPool} from "./RewardPool.sol";

/// @notice Reports against an account, their dispute and what they cost it.
/// @dev A report is bonded. The accused has three days to dispute it; then anyone may execute it. Once disputed, only
///      the arbiter decides, who may also decide before. A report that nobody has decided ten days after it was made
///      lapses, which is sooner than anything that was staked or unbonding at its time can leave.
abstract contract QUIVerStakingSlashing is QUIVerStakingBase {
    using SafeCast for uint256;
    using SafeERC20 for IQUIVToken;

    /// @dev A version that changes it must give reports made before it the bond they were made with.
    uint256 public constant REPORT_BOND = 100e18;
    uint256 public constant DISPUTE_WINDOW = 3 days;
    uint256 public constant REPORT_LIFETIME = 10 days;

    uint256 public constant CANARY_PENALTY_BPS = 50;
    uint256 public constant EQUIVOCATION_PENALTY_BPS = 500;
    /// @notice What reports made in one epoch can take from an account together: of the largest base among them.
    uint256 public constant EPOCH_CAP_BPS = 1_000;
    uint256 public constant SLASH_EPOCH = 7 days;
    /// @dev More failures in one report would pass the cap.
    uint256 internal constant MAX_FAILURES = EPOCH_CAP_BPS / CANARY_PENALTY_BPS;

    uint256 private constant MILLI = 1e15;
    uint256 private constant ONE_BPS = 10_000;

    /// @inheritdoc IQUIVerStaking
    function proposeSlash(address account, Violation violation, bytes32[] calldata digests)
        external
        nonReentrant
        returns (bytes32 evidenceId)
    {
        if (account == msg.sender) revert SelfReport();
        uint256 penaltyBps = _penaltyBps(violation, digests.length);
        evidenceId = evidenceIdOf(account, violation, digests);
        _useEvidence(account, evidenceId, violation, digests);

        Position memory position = _positions[account];
        Ledger memory ledger = _ledgers[account];
        uint256 base = uint256(position.staked) + ledger.unbonding;
        if (base == 0) revert NothingToSlash(account);
        uint256 baseMilli = Math.ceilDiv(base, MILLI);

        _reports[account][evidenceId] = Report({
            reporter: msg.sender,
            baseMilli: baseMilli.toUint40(),
            proposedAt: block.timestamp.toUint32(),
            penaltyBps: penaltyBps.toUint16(),
            status: ReportStatus.Open
        });
        _hold(position, ledger);
        _save(account, position);
        _save(account, ledger);
        emit SlashProposed(account, evidenceId, msg.sender, violation, digests, baseMilli * MILLI, penaltyBps);
        _pull(msg.sender, REPORT_BOND);
    }

    /// @inheritdoc IQUIVerStaking
    function disputeSlash(bytes32 evidenceId) external {
        Report storage entry = _reports[msg.sender][evidenceId];
        if (entry.status != ReportStatus.Open) revert ReportNotOpen(evidenceId, entry.status);
        uint256 closesAt = entry.proposedAt + DISPUTE_WINDOW;
        if (block.timestamp >= closesAt) revert DisputeWindowClosed(closesAt);
        entry.status = ReportStatus.Disputed;
        emit SlashDisputed(msg.sender, evidenceId);
    }

    /// @inheritdoc IQUIVerStaking
    function executeSlash(address account, bytes32 evidenceId) external nonReentrant returns (uint256 amount) {
        Report memory entry = _liveReport(account, evidenceId);
        if (entry.status == ReportStatus.Disputed) revert ReportDisputed(evidenceId);
        uint256 opensAt = entry.proposedAt + DISPUTE_WINDOW;
        if (block.timestamp < opensAt) revert DisputeWindowOpen(opensAt);
        return _execute(account, evidenceId, entry);
    }

    /// @inheritdoc IQUIVerStaking
    function resolveSlash(address account, bytes32 evidenceId, bool guilty)
        external
        restricted
        nonReentrant
        returns (uint256 amount)
    {
        Report memory entry = _liveReport(account, evidenceId);
        if (guilty) return _execute(account, evidenceId, entry);
        _reports[account][evidenceId].status = ReportStatus.Cancelled;
        Position memory position = _positions[account];
        Ledger memory ledger = _ledgers[account];
        _release(position, ledger);
        _save(account, position);
        _save(account, ledger);
        emit SlashCancelled(account, evidenceId, REPORT_BOND);
        TOKEN.safeTransfer(account, REPORT_BOND);
    }

    /// @inheritdoc IQUIVerStaking
    function lapseSlash(address account, bytes32 evidenceId) external nonReentrant {
        Report memory entry = _undecidedReport(account, evidenceId);
        uint256 lapsesAt = entry.proposedAt + REPORT_LIFETIME;
        if (block.timestamp < lapsesAt) revert ReportNotLapsed(lapsesAt);
        _reports[account][evidenceId].status = ReportStatus.Lapsed;
        emit SlashLapsed(account, evidenceId, REPORT_BOND);
        TOKEN.safeTransfer(entry.reporter, REPORT_BOND);
    }

    function report(address account, bytes32 evidenceId) external view returns (ReportInfo memory) {
        Report memory entry = _reports[account][evidenceId];
        return ReportInfo({
            status: entry.status,
            reporter: entry.reporter,
            proposedAt: entry.proposedAt,
            disputableUntil: entry.proposedAt + DISPUTE_WINDOW,
            lapsesAt: entry.proposedAt + REPORT_LIFETIME,
            base: entry.baseMilli * MILLI,
            penaltyBps: entry.penaltyBps
        });
    }

    function slashedInEpoch(address account, uint256 epoch) external view returns (uint256) {
        return _slashedInEpoch[account][epoch];
    }

    function evidenceIdOf(address account, Violation violation, bytes32[] calldata digests)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(account, violation, digests));
    }

    /// @dev When what is unbonding can leave. A report holds it, but never for longer than a report's life after it was
    ///      due, whatever else is reported meanwhile.
    function _withdrawableAt(Ledger memory ledger) internal pure returns (uint256) {
        return Math.max(ledger.unlockAt, Math.min(ledger.holdUntil, ledger.unlockAt + REPORT_LIFETIME));
    }

    function _penaltyBps(Violation violation, uint256 count) private pure returns (uint256) {
        if (violation == Violation.Equivocation) {
            if (count != 2) revert WrongDigestCount(count, 2, 2);
            return EQUIVOCATION_PENALTY_BPS;
        }
        if (count == 0 || count > MAX_FAILURES) revert WrongDigestCount(count, 1, MAX_FAILURES);
        return count * CANARY_PENALTY_BPS;
    }

    /// @dev A violation counts once: a pair of records by the id of its only report, a failed answer by a mark of its
    ///      own, since it can be named together with others. A cancelled or lapsed report frees it to be proved again.
    function _useEvidence(address account, bytes32 evidenceId, Violation violation, bytes32[] calldata digests)
        private
    {
        if (_isUsed(account, evidenceId)) revert ViolationUsed(evidenceId);
        for (uint256 i = 1; i < digests.length; ++i) {
            if (digests[i - 1] >= digests[i]) revert DigestsNotAscending(i);
        }
        if (violation == Violation.Equivocation) return;
        mapping(bytes32 => bytes32) storage reportOf = _reportOf[account];
        for (uint256 i = 0; i < digests.length; ++i) {
            bytes32 before = reportOf[digests[i]];
            if (before != 0 && _isUsed(account, before)) revert ViolationUsed(before);
            reportOf[digests[i]] = evidenceId;
        }
    }

    function _isUsed(address account, bytes32 evidenceId) private view returns (bool) {
        ReportStatus status = _reports[account][evidenceId].status;
        return status == ReportStatus.Open || status == ReportStatus.Disputed || status == ReportStatus.Executed;
    }

    /// @dev Rounds the penalty up, takes it from the stake and then from what is unbonding, and never more than there
    ///      is, so that it can't revert. Half goes to the reporter, the rest is burned.
    function _execute(address account, bytes32 evidenceId, Report memory entry) private returns (uint256 amount) {
        _reports[account][evidenceId].status = ReportStatus.Executed;
        amount = _penalty(account, entry);

        RewardPool.Pool memory pool = _accruedPool();
        Position memory position = _positions[account];
        Ledger memory ledger = _ledgers[account];
        uint256 fromStake = Math.min(amount, position.staked);
        uint256 fromUnbonding = Math.min(amount - fromStake, ledger.unbonding);
        amount = fromStake + fromUnbonding;
        // Only what is taken: a penalty that found nothing left must not use up the cap of what is staked later.
        _slashedInEpoch[account][entry.proposedAt / SLASH_EPOCH] += amount;

        ledger.rewards = (_earned(pool, position) + ledger.rewards).toUint96();
        ledger.unbonding = (uint256(ledger.unbonding) - fromUnbonding).toUint96();
        _resize(account, pool, position, position.staked - fromStake);
        _release(position, ledger);
        _save(account, position);
        _save(account, ledger);
        _save(pool);

        uint256 toReporter = amount / 2;
        emit SlashExecuted(account, evidenceId, amount, toReporter, amount - toReporter);
        TOKEN.safeTransfer(entry.reporter, REPORT_BOND + toReporter);
        TOKEN.burn(amount - toReporter);
    }

    /// @dev What the report costs: its share of its own base, within what its epoch's reports leave of that base's cap.
    ///      Tokens are counted and not shares, since shares of a small stake would use up the cap of a large one.
    function _penalty(address account, Report memory entry) private view returns (uint256) {
        uint256 used = _slashedInEpoch[account][entry.proposedAt / SLASH_EPOCH];
        uint256 base = entry.baseMilli * MILLI;
        uint256 left = Math.saturatingSub(Math.ceilDiv(base * EPOCH_CAP_BPS, ONE_BPS), used);
        return Math.min(Math.ceilDiv(base * entry.penaltyBps, ONE_BPS), left);
    }

    function _hold(Position memory position, Ledger memory ledger) private view {
        // Past `holdUntil` all that was counted has lapsed.
        if (block.timestamp >= ledger.holdUntil) position.openReports = 0;
        if (position.openReports != type(uint8).max) ++position.openReports;
        ledger.holdUntil = (block.timestamp + REPORT_LIFETIME).toUint32();
    }

    /// @dev Only for a report that hasn't lapsed: those are in the count. Stuck at its largest value, the count ends with
    ///      `holdUntil`.
    function _release(Position memory position, Ledger memory ledger) private pure {
        if (position.openReports != type(uint8).max) --position.openReports;
        if (position.openReports == 0) ledger.holdUntil = 0;
    }

    function _undecidedReport(address account, bytes32 evidenceId) private view returns (Report memory entry) {
        entry = _reports[account][evidenceId];
        if (entry.status != ReportStatus.Open && entry.status != ReportStatus.Disputed) {
            revert ReportNotOpen(evidenceId, entry.status);
        }
    }

    function _liveReport(address account, bytes32 evidenceId) private view returns (Report memory entry) {
        entry = _undecidedReport(account, evidenceId);
        uint256 lapsesAt = entry.proposedAt + REPORT_LIFETIME;
        if (block.timestamp >= lapsesAt) revert ReportHasLapsed(lapsesAt);
    }
}
